/** A broker that answers ApiVersions with what it is told, and nothing else. */
import { once } from 'node:events'
import net from 'node:net'
import { apis } from '../../src/kafka/protocol.ts'

/** From one version to another, by the name of the request; absent: it does not know it. */
export type Offered = Readonly<Record<string, readonly [number, number] | undefined>>

const apiVersionsKey = 18

export class FakeBroker {
  readonly #server: net.Server
  readonly #sockets = new Set<net.Socket>()
  readonly #answer: Buffer

  private constructor(server: net.Server, offered: Offered) {
    this.#server = server
    this.#answer = answerOf(offered)
  }

  /** Offers every version of every request that is spoken here, but for those in `except`. */
  static async start(except: Offered): Promise<FakeBroker> {
    const all = Object.values(apis).map(({ name }) => [name, [0, 99]] as const)
    const server = net.createServer()
    const broker = new FakeBroker(server, { ...Object.fromEntries(all), ...except })
    server.on('connection', (socket) => broker.#serve(socket))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return broker
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as net.AddressInfo).port}`
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
  }

  #serve(socket: net.Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('data', (request) => {
      // Requests of this client come one at a time, each in one piece.
      if (request.readInt16BE(4) !== apiVersionsKey) return
      const header = Buffer.alloc(8)
      header.writeInt32BE(4 + this.#answer.length, 0)
      header.writeInt32BE(request.readInt32BE(8), 4)
      socket.write(Buffer.concat([header, this.#answer]))
    })
  }
}

function answerOf(offered: Offered): Buffer {
  const own = { name: 'ApiVersions', key: apiVersionsKey, range: [0, 2] as const }
  const ranges = Object.values(apis).flatMap(({ name, key }) => {
    const range = offered[name]
    return range === undefined ? [] : [{ name, key, range }]
  })
  const entries = [own, ...ranges].map(({ key, range: [from, to] }) => {
    const entry = Buffer.alloc(6)
    entry.writeInt16BE(key, 0)
    entry.writeInt16BE(from, 2)
    entry.writeInt16BE(to, 4)
    return entry
  })
  const head = Buffer.alloc(6)
  head.writeInt32BE(entries.length, 2)
  return Buffer.concat([head, ...entries, Buffer.alloc(4)])
}
