// What the page remembers in this browser: choices and what was typed. Without leave to, it goes on and forgets.

const PREFIX = "greenload.";

export function recall(key) {
  try {
    return JSON.parse(localStorage.getItem(PREFIX + key));
  } catch (error) {
    return null;
  }
}

export function remember(key, value) {
  try {
    localStorage.setItem(PREFIX + key, JSON.stringify(value));
  } catch (error) {
    // Private windows and full disks: what was chosen holds until the page is left.
  }
}
