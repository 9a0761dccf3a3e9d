// A client that keeps so many requests under way over HTTP/2, on one connection after the other, until SIGINT or until
// nobody listens any more. Prints "connection N" for each, "ready" behind the first answers, and in the end what came of it.
// What is not answered was lost, but for what Node.js itself refuses to send, as a GOAWAY has come: it does so with the code of a
// refused stream. It is told apart by the GOAWAY, which names all possible ids where it is only a notice (RFC 9113 §6.8).
//   node h2_load.js URL STREAMS
'use strict';
const http2 = require('node:http2');

const [url, streams] = process.argv.slice(2);
const NOTICE = 2 ** 31 - 1;
const counts = { answered: 0, others: 0, failed: 0, connections: 0 };
const underWay = new Set(); // sessions with requests that are not answered
let isOver = false;
let why = '';

function conclude() {
    if (!isOver || underWay.size) return;
    console.log(`answered ${counts.answered} others ${counts.others} failed ${counts.failed} connections ${counts.connections} ${why}`);
    process.exit(0);
}

function lose(reason) {
    counts.failed++;
    why ||= String(reason);
}

function ask(session) {
    const path = counts.answered % 10 ? '/' : '/slow?ms=20';
    const stream = session.request({ ':path': path });
    let status = 0;
    let error = null;
    session.asked++;
    stream.on('response', (head) => { status = head[':status']; });
    stream.on('error', (reason) => { error = reason; });
    stream.resume().on('close', () => {
        session.asked--;
        const isWhole = !error && stream.readableEnded;
        if (isWhole && status === 200) counts.answered++;
        else if (isWhole && status) counts.others++;
        else if (stream.rstCode !== http2.constants.NGHTTP2_REFUSED_STREAM || session.last !== NOTICE) lose(error ?? `status ${status}, code ${stream.rstCode}`);
        if (counts.answered === Number(streams)) console.log('ready');
        setImmediate(goOn, session);
    });
}

// In a turn of its own: what is asked for behind a GOAWAY that has come but was not told yet, Node.js refuses by itself.
function goOn(session) {
    if (!isOver && !session.closed && !session.destroyed) ask(session);
    else if (session.asked === 0) leave(session);
}

function leave(session) {
    underWay.delete(session);
    session.close();
    conclude();
}

function begin() {
    const session = http2.connect(url);
    let isConnected = false;
    session.asked = 0;
    session.on('connect', () => {
        isConnected = true;
        console.log(`connection ${++counts.connections}`);
        underWay.add(session);
        for (let i = 0; i < Number(streams); i++) ask(session);
    });
    session.on('error', (error) => {
        if (isConnected) why ||= String(error);
        else if (error.code === 'ECONNREFUSED') isOver = true;
        else lose(error);
    });
    session.on('goaway', (code, last) => {
        session.last ??= last;
        session.close();
    });
    session.on('close', () => {
        if (session.asked === 0) underWay.delete(session);
        if (!isOver) setImmediate(begin);
        conclude();
    });
}

process.on('SIGINT', () => {
    isOver = true;
    conclude();
});
begin();
