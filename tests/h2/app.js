// The same application over HTTP/1.1, h2c and h2 over TLS, by Node.js itself.
'use strict';
const crypto = require('node:crypto');
const http = require('node:http');
const http2 = require('node:http2');
const https = require('node:https');
const websocket = require('./websocket.js');

// Bytes that never repeat: one block of noise, numbered anew each time.
const noise = Buffer.concat(Array.from({ length: 512 }, (_, k) => crypto.createHash('sha256').update(`${k}`).digest()));
function* blocks(total) {
    for (let i = 0, left = total; left > 0; i++, left -= noise.length) {
        const block = Buffer.from(noise);
        block.writeUInt32BE(i);
        yield block.subarray(0, Math.min(left, block.length));
    }
}

const digests = new Map();
function digestOf(total) {
    if (!digests.has(total)) {
        const hash = crypto.createHash('sha256');
        for (const block of blocks(total)) hash.update(block);
        digests.set(total, hash.digest('hex'));
    }
    return digests.get(total);
}

// Ends it short of its end, so that whoever reads can tell.
function cut(response) {
    if (response.stream) response.stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
    else response.destroy();
}

async function writeAll(response, total) {
    for (const block of blocks(total)) {
        if (response.destroyed || response.writableEnded) return;
        if (!response.write(block)) await new Promise((go) => { response.once('drain', go); response.once('close', go); });
    }
}

function sum(request, response) {
    const hash = crypto.createHash('sha256');
    let length = 0;
    request.on('data', (part) => { hash.update(part); length += part.length; });
    request.on('end', () => response.end(JSON.stringify({
        digest: hash.digest('hex'), length, declared: request.headers['content-length'] ?? null, trailers: request.trailers,
    })));
}

function trailers(request, response) {
    request.resume().on('end', () => {
        response.writeHead(200, { trailer: 'x-sum' });
        response.write('with trailers');
        response.addTrailers({ 'x-sum': '42', 'x-got': request.trailers['x-check'] ?? 'none' });
        response.end();
    });
}

function hints(response) {
    response.writeEarlyHints({ link: '</style.css>; rel=preload; as=style' });
    response.end('after hints');
}

// @returns {aborted}: how many requests for /hang and /endless were left by who asked
function applicationOf(version) {
    const seen = { aborted: 0, open: 0, checks: 0, version };
    const hang = (request, response, play) => {
        seen.open++;
        let isOver = false;
        response.on('close', () => {
            if (!isOver) seen.aborted++;
            isOver = true;
            seen.open--;
        });
        play();
    };
    const answer = async (request, response) => {
        const url = new URL(request.url, 'http://app');
        const n = Number(url.searchParams.get('n') ?? 0);
        const paths = {
            '/size': async () => {
                response.writeHead(200, { 'content-length': n });
                if (request.method !== 'HEAD') await writeAll(response, n);
                response.end();
            },
            '/stream': async () => {
                response.writeHead(200, { 'content-type': 'text/plain' });
                await writeAll(response, n);
                response.end();
            },
            '/sum': () => sum(request, response),
            '/echo': () => request.pipe(response),
            '/trailers': () => trailers(request, response),
            '/hints': () => hints(response),
            '/status': () => {
                response.writeHead(n, { 'x-kept': 'yes', etag: '"one"' });
                response.end(n === 204 || n === 304 ? undefined : `status ${n}`);
            },
            '/cut': async () => {
                response.writeHead(200, url.searchParams.has('length') ? { 'content-length': 2 * n } : {});
                await writeAll(response, n);
                setTimeout(() => cut(response), 50);
            },
            '/cut-at-once': () => cut(response),
            '/hang': () => hang(request, response, () => {}),
            '/endless': () => hang(request, response, async () => {
                response.writeHead(200);
                while (!response.destroyed) await writeAll(response, 1 << 20);
            }),
            '/slow': () => setTimeout(() => response.end('slow'), n),
            '/early': () => response.writeHead(403).end('no'), // before the content has come
            '/headers': () => response.end(JSON.stringify({ version: request.httpVersion, url: request.url, method: request.method, headers: request.headers })),
        };
        await (paths[url.pathname] ?? (() => response.end('app')))();
    };
    return { seen, answer: (request, response) => { answer(request, response).catch(() => response.destroy()); } };
}

function serveHttp1(server, application) {
    server.on('request', application.answer);
    server.on('checkContinue', (request, response) => {
        application.seen.checks++;
        response.writeContinue();
        application.answer(request, response);
    });
    server.on('upgrade', (request, socket, rest) => {
        socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
            `Sec-WebSocket-Accept: ${websocket.acceptOf(request.headers['sec-websocket-key'])}\r\n\r\n`);
        websocket.echo(socket, rest);
    });
    server.keepAliveTimeout = 60000;
}

function serveHttp2(server, application) {
    server.on('request', application.answer);
    server.on('checkContinue', (request, response) => {
        application.seen.checks++;
        response.writeContinue();
        application.answer(request, response);
    });
    server.on('connect', (request, response) => {
        response.stream.respond({ ':status': request.headers[':protocol'] === 'websocket' ? 200 : 501 });
        websocket.echo(response.stream);
    });
    server.on('sessionError', () => {});
}

// Starts one. @param kind "http", "https", "h2c", "h2"  @returns {port, seen, close()}
async function appStart(kind, { cert, key } = {}) {
    const settings = { enableConnectProtocol: true };
    const server = kind === 'http' ? http.createServer() : kind === 'https' ? https.createServer({ cert, key })
        : kind === 'h2c' ? http2.createServer({ settings }) : http2.createSecureServer({ cert, key, settings });
    const application = applicationOf(kind);
    (kind.startsWith('http') ? serveHttp1 : serveHttp2)(server, application);
    await new Promise((go) => server.listen(0, '127.0.0.1', go));
    return { kind, port: server.address().port, seen: application.seen, close: () => server.close() };
}

module.exports = { appStart, blocks, digestOf };
