// The tests' Node.js application: plain http, no packages. Prints "PORT ready".
'use strict';
const crypto = require('node:crypto');
const http = require('node:http');

// Bytes that never repeat: one block of noise, numbered anew each time.
const noise = Buffer.concat(Array.from({ length: 512 }, (_, k) => crypto.createHash('sha256').update(`${k}`).digest()));
function* blocks(total) {
    for (let i = 0, left = total; left > 0; i++, left -= noise.length) {
        const block = Buffer.from(noise);
        block.writeUInt32BE(i);
        yield block.subarray(0, Math.min(left, block.length));
    }
}

async function big(url, response) {
    const total = Number(url.searchParams.get('n'));
    const hash = crypto.createHash('sha256');
    response.writeHead(200, { 'Content-Length': total });
    for (const block of blocks(total)) {
        hash.update(block);
        if (!response.write(block)) await new Promise((go) => response.once('drain', go));
    }
    response.end();
    sums.set(total, hash.digest('hex'));
}
const sums = new Map(); // of the last /big of each size, for /sum

function sha(request, response) {
    const hash = crypto.createHash('sha256');
    request.on('data', (part) => hash.update(part));
    request.on('end', () => response.end(hash.digest('hex')));
}

function chunked(response) {
    for (const part of ['one ', 'two ', 'three']) response.write(part);
    response.end();
}

function trailers(request, response) {
    request.resume().on('end', () => {
        response.writeHead(200, { Trailer: 'X-Sum' });
        response.write('with trailers');
        response.addTrailers({ 'X-Sum': '42', 'X-Got': request.trailers['x-check'] ?? 'none' });
        response.end();
    });
}

function sse(response) {
    let count = 0;
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    const timer = setInterval(() => response.write(`data: event ${count++}\n\n`), 50);
    response.on('close', () => clearInterval(timer));
}

function early(response) {
    response.writeEarlyHints({ link: '</style.css>; rel=preload; as=style' });
    response.end('after hints');
}

function page(request, response) {
    response.writeHead(200, { 'Content-Type': 'text/html' });
    response.end(`<!doctype html><html lang="en"><title>${request.headers.host}</title><h1>A page</h1></html>`);
}

const server = http.createServer((request, response) => {
    const url = new URL(request.url, 'http://app');
    const [, first, second] = url.pathname.split('/');
    const paths = {
        echo: () => request.pipe(response),
        big: () => big(url, response),
        sum: () => response.end(sums.get(Number(url.searchParams.get('n'))) ?? 'unknown'),
        sha: () => sha(request, response),
        chunked: () => chunked(response),
        trailers: () => trailers(request, response),
        sse: () => sse(response),
        early: () => early(response),
        page: () => page(request, response),
        slow: () => setTimeout(() => response.end('slow'), Number(url.searchParams.get('ms') ?? 300)),
        status: () => response.writeHead(Number(second)).end(),
        headers: () => response.end(JSON.stringify({ url: request.url, headers: request.headers, raw: request.rawHeaders })),
    };
    (paths[first] ?? (() => response.end('app')))();
});
server.keepAliveTimeout = 60000;

// WebSocket (RFC 6455), as much as an echo needs: masked text or binary frames of one fragment.
function frame(opcode, payload) {
    const head = payload.length < 126 ? Buffer.from([0x80 | opcode, payload.length])
        : Buffer.from([0x80 | opcode, 126, payload.length >> 8, payload.length & 255]);
    return Buffer.concat([head, payload]);
}

function parse(bytes) {
    if (bytes.length < 6) return null;
    const long = (bytes[1] & 127) === 126;
    const length = long ? bytes.readUInt16BE(2) : bytes[1] & 127;
    const start = long ? 4 : 2;
    if (bytes.length < start + 4 + length) return null;
    const mask = bytes.subarray(start, start + 4);
    const payload = Buffer.from(bytes.subarray(start + 4, start + 4 + length)).map((byte, i) => byte ^ mask[i & 3]);
    return { opcode: bytes[0] & 15, payload, used: start + 4 + length };
}

server.on('upgrade', (request, socket, rest) => {
    const accept = crypto.createHash('sha1')
        .update(request.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        `Sec-WebSocket-Accept: ${accept}\r\n\r\n`);
    let held = rest;
    const take = () => {
        for (let got; (got = parse(held)); held = held.subarray(got.used)) {
            if (got.opcode === 8) return socket.end(frame(8, got.payload));
            socket.write(frame(got.opcode === 9 ? 10 : got.opcode, got.payload));
        }
    };
    socket.on('data', (part) => { held = Buffer.concat([held, part]); take(); });
    socket.on('error', () => {});
    take();
});

server.listen(0, '127.0.0.1', () => console.log(`${server.address().port} ready`));
