// Node's http server reads what lies in files: on standard input a path a line, behind the number of requests that
// are waited for; out goes what llhttp.c writes, too.
'use strict';
const fs = require('fs');
const http = require('http');
const net = require('net');

const PATIENCE_MS = 5000;
let file; // its number

const hex = (text) => Buffer.from(text, 'latin1').toString('hex');

function hostOf(request) {
  const at = request.rawHeaders.findIndex((text, i) => i % 2 === 0 && text.toLowerCase() === 'host');
  return at < 0 ? '' : request.rawHeaders[at + 1];
}

function take(request, response) {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => {
    const content = Buffer.concat(parts).toString('hex');
    console.log(`${file} ${hex(request.method)} ${hex(request.url)} ${hex(hostOf(request))} ${content}`);
    response.end();
  });
}

function refuse(error, socket) {
  console.log(`${file} ! ${error.code} ${error.message}`);
  socket.destroy();
}

const count = (text, word) => text.split(word).length - 1;

// Its own end comes behind the last answer, so that no request is given up for it.
function replay(port, path, expected) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    let answers = '';
    const end = () => socket.end();
    const timer = setTimeout(end, PATIENCE_MS);
    const look = () => expected <= count(answers, 'HTTP/1.1 200 ') && end();
    socket.on('data', (bytes) => { answers += bytes.toString('latin1'); look(); });
    socket.on('error', () => {});
    socket.on('close', () => { clearTimeout(timer); resolve(); });
    socket.write(fs.readFileSync(path));
    look();
  });
}

async function main() {
  const lines = fs.readFileSync(0, 'utf8').split('\n').filter(Boolean);
  const server = http.createServer({ keepAliveTimeout: 0 }, take);
  server.httpAllowHalfOpen = true;
  server.on('checkContinue', take);
  server.on('checkExpectation', take);
  server.on('clientError', refuse);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  for (file = 0; file < lines.length; file++) {
    const [expected, path] = lines[file].split(/ (.*)/);
    await replay(server.address().port, path, Number(expected));
  }
  server.close();
}

main();
