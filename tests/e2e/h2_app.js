// The tests' HTTP/2 server: Node.js, no packages. Prints "PORT ready".
//   node h2_app.js [--tls CERT KEY [--client-ca FILE]] [--only-h1] [--streams N] [--leave-after N] [--unix PATH]
// --streams: SETTINGS_MAX_CONCURRENT_STREAMS; --leave-after: each connection says GOAWAY behind so many requests;
// --client-ca: who shows no certificate of that authority is refused; --unix: listens there (and says port 0).
'use strict';
const crypto = require('node:crypto');
const fs = require('node:fs');
const http2 = require('node:http2');
const https = require('node:https');

const args = process.argv.slice(2);
const option = (name, count = 1) => (args.includes(name) ? args.slice(args.indexOf(name) + 1, args.indexOf(name) + 1 + count) : null);
const streams = Number(option('--streams')?.[0] ?? 1000);
const leaveAfter = Number(option('--leave-after')?.[0] ?? 0);
const tls = option('--tls', 2);

const counts = { sessions: 0, open: 0, requests: 0, busy: 0, busyMost: 0, mostOnOne: 0, refused: 0, goaways: 0 };
const health = { status: 1, code: 0, asked: [] };
let toRefuse = 0;
let refuseBehind = 0; // so many bytes of content

function big(stream, total) {
    const hash = crypto.createHash('sha256');
    const block = crypto.randomBytes(16384);
    let left = total;
    let number = 0;
    stream.respond({ ':status': 200, 'content-length': total }, { waitForTrailers: false });
    const go = () => {
        while (left > 0) {
            const part = Buffer.from(block.subarray(0, Math.min(left, block.length)));
            part.writeUInt32BE(number++ >>> 0, 0);
            hash.update(part);
            left -= part.length;
            if (left === 0) { sums.set(total, hash.digest('hex')); return stream.end(part); }
            if (!stream.write(part)) return stream.once('drain', go);
        }
        stream.end();
    };
    go();
}
const sums = new Map(); // of the last /big of each size, for /sum

function say(stream, text, more = {}) {
    if (stream.destroyed || stream.closed) return;
    stream.respond({ ':status': 200, 'content-type': 'text/plain', 'content-length': Buffer.byteLength(text), ...more });
    stream.end(text);
}

function sha(stream) {
    const hash = crypto.createHash('sha256');
    stream.on('data', (part) => hash.update(part));
    stream.on('end', () => say(stream, hash.digest('hex')));
}

function trailers(stream) {
    let got = 'none';
    stream.on('trailers', (fields) => { got = fields['x-check'] ?? 'none'; });
    stream.resume().on('end', () => {
        stream.respond({ ':status': 200 }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '42', 'x-got': got }));
        stream.end('with trailers');
    });
}

// grpc.health.v1: a message {status: health.status}, and which service was asked for.
function check(stream, headers) {
    const parts = [];
    stream.on('data', (part) => parts.push(part));
    stream.on('end', () => {
        const bytes = Buffer.concat(parts);
        const service = bytes.length > 7 ? bytes.subarray(7).toString() : '';
        health.asked.push(`${headers.te} ${headers['content-type']} ${headers[':authority']} "${service}"`);
        if (health.code) {
            stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': health.code }, { endStream: true });
            return;
        }
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
        stream.end(Buffer.from([0, 0, 0, 0, 2, 8, health.status]));
    });
}

function refuse(stream) {
    if (toRefuse <= 0) return stream.resume().on('end', () => say(stream, 'taken'));
    toRefuse--;
    counts.refused++;
    if (!refuseBehind) return stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
    let got = 0;
    stream.on('data', (part) => { if ((got += part.length) >= refuseBehind) stream.close(http2.constants.NGHTTP2_REFUSED_STREAM); });
}

// Not counted: a test looks while it works.
const quiet = {
    '/counts': (stream) => say(stream, JSON.stringify(counts)),
    '/asked': (stream) => say(stream, JSON.stringify(health.asked)),
    '/health': (stream, url) => {
        health.status = Number(url.searchParams.get('status') ?? 1);
        health.code = Number(url.searchParams.get('code') ?? 0);
        say(stream, 'set');
    },
    '/refuse-next': (stream, url) => {
        toRefuse = Number(url.searchParams.get('n'));
        refuseBehind = Number(url.searchParams.get('behind') ?? 0);
        say(stream, 'set');
    },
    '/grpc.health.v1.Health/Check': (stream, url, headers) => check(stream, headers),
};

const paths = {
    echo: (stream) => { stream.respond({ ':status': 200 }); stream.pipe(stream); },
    big: (stream, url) => big(stream, Number(url.searchParams.get('n'))),
    sum: (stream, url) => say(stream, sums.get(Number(url.searchParams.get('n'))) ?? 'unknown'),
    sha,
    trailers,
    refuse,
    slow: (stream, url) => setTimeout(() => say(stream, 'slow'), Number(url.searchParams.get('ms') ?? 300)),
    status: (stream, url) => { stream.respond({ ':status': Number(url.pathname.split('/')[2]) }, { endStream: true }); },
    early: (stream) => { stream.additionalHeaders({ ':status': 103, link: '</style.css>; rel=preload' }); say(stream, 'after hints'); },
    abort: (stream) => { stream.respond({ ':status': 200 }); stream.write('half', () => stream.destroy(new Error('no more'))); },
    whom: (stream) => say(stream, stream.session.socket.getPeerCertificate?.().subject?.CN ?? 'nobody'),
    headers: (stream, url, headers) => say(stream, JSON.stringify({ ...headers })),
};

function count(stream) {
    const session = stream.session;
    counts.requests++;
    counts.busyMost = Math.max(counts.busyMost, ++counts.busy);
    session.busy = (session.busy ?? 0) + 1;
    session.taken = (session.taken ?? 0) + 1;
    counts.mostOnOne = Math.max(counts.mostOnOne, session.busy);
    stream.on('close', () => { counts.busy--; session.busy--; });
    if (leaveAfter && session.taken === leaveAfter) {
        counts.goaways++;
        session.goaway(); // close() would spoil the heap of Node.js 20 now and then
    }
}

function onStream(stream, headers) {
    const url = new URL(headers[':path'], 'http://app');
    if (!stream.session) return; // the connection went in the same breath
    stream.on('error', () => {});
    if (quiet[url.pathname]) return quiet[url.pathname](stream, url, headers);
    count(stream);
    (paths[url.pathname.split('/')[1]] ?? ((s) => s.resume().on('end', () => say(s, 'h2 app'))))(stream, url, headers);
}

const settings = { maxConcurrentStreams: streams };
const clientCa = option('--client-ca')?.[0];
const keys = tls ? { cert: fs.readFileSync(tls[0]), key: fs.readFileSync(tls[1]) } : {};
if (clientCa) Object.assign(keys, { requestCert: true, ca: fs.readFileSync(clientCa) });
const server = args.includes('--only-h1') ? https.createServer(keys, (request, response) => response.end('h1 app'))
    : tls ? http2.createSecureServer({ ...keys, settings }) : http2.createServer({ settings });
server.on('session', (session) => {
    counts.sessions++;
    counts.open++;
    session.on('close', () => counts.open--);
    session.on('error', () => {});
});
server.on('stream', onStream);
server.on('sessionError', () => {});
const at = option('--unix') ? { path: option('--unix')[0] } : { port: Number(option('--port')?.[0] ?? 0), host: '127.0.0.1' };
server.listen(at, () => console.log(`${server.address().port ?? 0} ready`));
