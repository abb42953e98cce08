// Sends a file with Node's own clients and prints status and error type of the answer; driven by large_bodies.py.
//   node large_bodies.mjs fetch|http URL HEADERS FILE
import {readFileSync} from "node:fs";
import {request} from "node:http";

const [kind, url, headers, file] = process.argv.slice(2);
const body = readFileSync(file);

async function byFetch() {
  const answer = await fetch(url, {method: "POST", headers: JSON.parse(headers), body});
  return [answer.status, await answer.text()];
}

function byHttp() {
  return new Promise((resolve, reject) => {
    const sent = request(url, {method: "POST", headers: {...JSON.parse(headers), "Content-Length": body.length}});
    sent.on("response", answer => {
      let text = "";
      answer.on("data", piece => text += piece);
      answer.on("end", () => resolve([answer.statusCode, text]));
      answer.on("error", reject);
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

const [status, text] = await (kind === "fetch" ? byFetch() : byHttp());
console.log(`${status} ${JSON.parse(text).error.type}`);
