// The API of the page's own server. What it refuses becomes a Refusal, with the server's own words.

export class Refusal extends Error {
  constructor(status, said, fields = {}) {
    super(said);
    this.status = status;
    this.fields = fields;
  }
}

export class NoAnswer extends Error {}

export const apiPath = (path, query = {}) => {
  const said = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return said.length ? `api/v1/${path}?${new URLSearchParams(said)}` : `api/v1/${path}`;
};

export const get = path => answered(path, {});

export function post(path, body) {
  const headers = {"Content-Type": "application/json"};
  return answered(path, {method: "POST", headers, body: JSON.stringify(body)});
}

async function answered(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    throw new NoAnswer("no connection to the master");
  }
  const isText = answer.headers.get("Content-Type")?.startsWith("text/plain");
  const body = isText ? await answer.text() : await answer.json().catch(() => ({}));
  if (answer.ok) return body;
  throw new Refusal(answer.status, body.error ?? `the server answered ${answer.status}`, body.fields ?? {});
}
