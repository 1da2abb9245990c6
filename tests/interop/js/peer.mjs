// A js-libp2p node for the interop tests: one process, so that it can be killed like any peer.
//
//     peer.mjs listen                          serves /echo/1.0.0 and /sink/1.0.0 until its standard input ends
//     peer.mjs dial ADDRESS SCENARIO COUNT     plays a scenario against a listener, then waits for a line of its standard
//                                              input, closes the connection, and ends
//
// It speaks one JSON object a line on standard output.

import readline from 'node:readline'

// libp2p wants Node 22; all that Node 20 lacks for it is this.
Promise.withResolvers ??= function withResolvers () {
  let resolve, reject
  const promise = new Promise((...both) => { [resolve, reject] = both })
  return { promise, resolve, reject }
}

const { createLibp2p } = await import('libp2p')
const { identify } = await import('@libp2p/identify')
const { noise } = await import('@libp2p/noise')
const { ping } = await import('@libp2p/ping')
const { tcp } = await import('@libp2p/tcp')
const { yamux } = await import('@libp2p/yamux')
const { multiaddr } = await import('@multiformats/multiaddr')

const ECHO = '/echo/1.0.0'
const SINK = '/sink/1.0.0'
const PING = '/ipfs/ping/1.0.0'
const NOT_SPOKEN = '/not-spoken/1.0.0'
const SIZES = [1, 1000, 65536, 300000]
// More than a scenario opens: a bound of js is not what is tested.
const MANY = { maxInboundStreams: 1000, maxOutboundStreams: 1000 }

function report (event, fields = {}) {
  console.log(JSON.stringify({ event, ...fields }))
}

function payload (size, salt) {
  return Uint8Array.from({ length: size }, (_, index) => (salt + index) % 251)
}

async function send (stream, data) {
  if (!stream.send(data)) await stream.onDrain()
}

async function readAll (stream) {
  const chunks = []
  for await (const chunk of stream) chunks.push(Buffer.from(chunk.subarray()))
  return Buffer.concat(chunks)
}

function ended (stream) {
  return new Promise((resolve) => stream.addEventListener('close', resolve, { once: true }))
}

function serve (node, protocol, answer) {
  return node.handle(protocol, async (stream) => {
    let count = 0
    let end = 'eof'
    try {
      for await (const chunk of stream) {
        count += chunk.byteLength
        if (answer) await send(stream, chunk)
      }
      await stream.close()
    } catch (error) {
      end = error.name
    }
    report('served', { protocol, bytes: count, end })
  }, MANY)
}

const scenarios = {
  // The request ends before the answer begins: whatever shares a frame with the end of the answer comes too late for js.
  async 'half-close' (node, connection, count) {
    for (let index = 0; index < count; index++) {
      const sent = payload(SIZES[index % SIZES.length], index)
      const stream = await connection.newStream(ECHO, MANY)
      const received = readAll(stream)
      await send(stream, sent)
      await stream.close()
      const got = await received
      if (!got.equals(sent)) throw new Error(`${got.length} of ${sent.length} bytes came back`)
    }
  },
  async ping (node, connection, count) {
    for (let index = 0; index < count; index++) {
      await node.services.ping.ping(connection.remoteAddr)
      // `ping` is done with the answer, and js allows one such stream at a time until its other side has ended, too.
      await Promise.all(connection.streams.filter((stream) => stream.protocol === PING).map(ended))
    }
  },
  async reset (node, connection, count) {
    for (let index = 0; index < count; index++) {
      const stream = await connection.newStream(ECHO, MANY)
      await send(stream, payload(10, index))
      for await (const chunk of stream) if (chunk.byteLength > 0) break
      stream.abort(new Error('on purpose'))
    }
  },
  async unsupported (node, connection, count) {
    for (let index = 0; index < count; index++) {
      try {
        await connection.newStream(NOT_SPOKEN, MANY)
      } catch (error) {
        report('refused', { error: error.name })
      }
    }
  },
  async hold (node, connection, count) {
    for (let index = 0; index < count; index++) {
      const stream = await connection.newStream(ECHO, MANY)
      await send(stream, payload(10, index))
    }
  }
}

const [,, role, address, scenario, count] = process.argv
const node = await createLibp2p({
  addresses: { listen: role === 'listen' ? ['/ip4/127.0.0.1/tcp/0'] : [] },
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  // Otherwise it pings each connection after ten seconds, and on a machine that is busy that may be before a scenario ends.
  connectionMonitor: { enabled: false },
  services: { identify: identify(), ping: ping() }
})
await serve(node, ECHO, true)
await serve(node, SINK, false)

const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]()
if (role === 'listen') {
  report('listening', { address: node.getMultiaddrs()[0].toString() })
} else {
  const connection = await node.dial(multiaddr(address))
  report('connected', { peer: connection.remotePeer.toString() })
  await scenarios[scenario](node, connection, Number(count))
  report('played')
  await lines.next()
  await connection.close()
  report('disconnected')
}
await lines.next()
await node.stop()
process.exit(0)
