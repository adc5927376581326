// Numbers as people read them. "No data" is a dash, never 0.

export const NOTHING = "–";
const THIN = "\u202f"; // does not break

const isNothing = value => value === null || value === undefined;

export function grouped(number) {
  return isNothing(number) ? NOTHING : String(Math.round(number)).replace(/\B(?=(\d{3})+$)/g, THIN);
}

// Milliseconds with three digits or so.
export function ms(value) {
  if (isNothing(value)) return NOTHING;
  if (value < 10) return value.toFixed(2);
  return value < 100 ? value.toFixed(1) : grouped(value);
}

// Something a second.
export function rate(value) {
  if (isNothing(value)) return NOTHING;
  return value < 1000 ? value.toFixed(1) : grouped(value);
}

export function percent(value) {
  return isNothing(value) ? NOTHING : value.toFixed(1);
}

export function signed(value, digits) {
  return isNothing(value) ? NOTHING : `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)}`;
}

// Seconds as 0:07, 12:30 or 1:02:03.
export function duration(seconds) {
  if (isNothing(seconds)) return NOTHING;
  const whole = Math.floor(seconds);
  const two = number => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

// Time of day of an ISO time, by the clock of whoever looks.
export function timeOfDay(iso) {
  return new Date(iso).toLocaleTimeString([], {hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false});
}

// "2026-11-26T20:14:50+00:00" as "2026-11-26 20:14 UTC": the same on each machine, and as `greenload runs` has it.
export function utc(iso) {
  return isNothing(iso) ? NOTHING : `${iso.slice(0, 16).replace("T", " ")} UTC`;
}

export function named(row) {
  return row.method ? `${row.method} ${row.name}` : row.name;
}

// "1 run", "3 runs".
export function counted(count, one, more = `${one}s`) {
  return `${grouped(count)} ${count === 1 ? one : more}`;
}
