/**
 * A proxy in front of a broker that spoils its connections when it is told to.
 *
 *     client ──requests──▶ lane ──▶ broker          weather: delayed, throttled, frozen,
 *     client ◀── lane ◀──answers── broker           answers swallowed; and connections are cut
 *
 * Invariants: bytes leave a lane in the order they came; the end of one side reaches the other
 * behind all that was sent before it, and not while the lane is frozen.
 */
import { once } from 'node:events'
import net from 'node:net'

export type Side = 'requests' | 'answers'

/** What the connections suffer; absent: nothing. */
export interface Weather {
  readonly delayMs?: number
  readonly bytesPerS?: number
  readonly frozen?: Side | 'both'
}

/** Which connections are hit, by their number. */
export type Hits = (connection: number) => boolean

const all: Hits = () => true
/** What waits in a lane before its source has to. */
const laneBytesMax = 1024 * 1024
const throttleSliceMs = 50

export class TcpProxy {
  readonly #server: net.Server
  readonly #pairs = new Set<Pair>()
  readonly #stranded = new Set<number>()
  #isSwallowing = false
  #accepted = 0
  #weather: Weather = {}
  #hits: Hits = all

  private constructor(server: net.Server) {
    this.#server = server
  }

  static async to(address: string): Promise<TcpProxy> {
    const [host = '', port] = address.split(':')
    const server = net.createServer()
    const proxy = new TcpProxy(server)
    server.on('connection', (client) => proxy.#join(client, net.connect(Number(port), host)))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return proxy
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as net.AddressInfo).port}`
  }

  /** Connections so far. */
  get accepted(): number {
    return this.#accepted
  }

  /** Connections that are open. */
  get open(): number {
    return this.#pairs.size
  }

  /** From now on answers vanish, although the broker gets every request. */
  swallow(isSwallowing: boolean): void {
    this.#isSwallowing = isSwallowing
  }

  /** From now on, for the connections there are and for those that come. */
  setWeather(weather: Weather, hits: Hits = all): void {
    this.#weather = weather
    this.#hits = hits
    for (const pair of this.#pairs) for (const lane of pair.lanes) lane.pump()
  }

  cut(hits: Hits = all): void {
    for (const { connection, sockets } of this.#pairs) {
      if (hits(connection)) for (const socket of sockets) socket.destroy()
    }
  }

  /** These connections stay open and carry nothing any more, as behind a lost firewall. */
  strand(hits: Hits = all): void {
    for (const pair of this.#pairs) if (hits(pair.connection)) this.#stranded.add(pair.connection)
  }

  close(): void {
    this.cut()
    this.#server.close()
  }

  #join(client: net.Socket, broker: net.Socket): void {
    const connection = ++this.#accepted
    const weather = (): Weather => {
      if (this.#stranded.has(connection)) return { frozen: 'both' }
      return this.#hits(connection) ? this.#weather : {}
    }
    const isSwallowed = (): boolean => this.#isSwallowing
    const lanes = [
      new Lane(client, broker, { side: 'requests', weather, isSwallowed: () => false }),
      new Lane(broker, client, { side: 'answers', weather, isSwallowed }),
    ]
    const pair: Pair = { connection, sockets: [client, broker], lanes }
    this.#pairs.add(pair)
    for (const socket of pair.sockets) {
      socket.setNoDelay(true)
      socket.on('error', () => undefined)
      // A side that has closed may have to wait for the weather before the other is told.
      socket.on('close', () => {
        if (pair.sockets.every(({ closed }) => closed)) this.#pairs.delete(pair)
      })
    }
  }
}

interface Pair {
  readonly connection: number
  readonly sockets: readonly net.Socket[]
  readonly lanes: readonly Lane[]
}

interface LaneOptions {
  readonly side: Side
  readonly weather: () => Weather
  readonly isSwallowed: () => boolean
}

/** Undefined bytes: the end. */
interface Parcel {
  readonly bytes: Buffer | undefined
  readonly dueMs: number
}

/** One direction of a connection. */
class Lane {
  readonly #from: net.Socket
  readonly #to: net.Socket
  readonly #options: LaneOptions
  readonly #queue: Parcel[] = []
  #queuedBytes = 0
  #throttledUntilMs = 0
  #timer: NodeJS.Timeout | undefined

  constructor(from: net.Socket, to: net.Socket, options: LaneOptions) {
    this.#from = from
    this.#to = to
    this.#options = options
    from.on('data', (bytes) => this.#push(bytes))
    from.on('close', () => this.#push(undefined))
  }

  /** Lets through what the weather allows. */
  pump(): void {
    clearTimeout(this.#timer)
    while (this.#step());
  }

  /** Whether there may be more to do at once. */
  #step(): boolean {
    const [next] = this.#queue
    const { frozen, bytesPerS } = this.#options.weather()
    if (next === undefined || frozen === this.#options.side || frozen === 'both') return false
    const waitMs = Math.max(next.dueMs, this.#throttledUntilMs) - performance.now()
    if (waitMs > 0) {
      this.#timer = setTimeout(() => this.pump(), waitMs)
      return false
    }
    this.#queue.shift()
    if (next.bytes === undefined) this.#to.destroySoon()
    else if (bytesPerS === undefined) this.#write(next.bytes)
    else this.#writeSlice(next.bytes, bytesPerS)
    return true
  }

  #push(bytes: Buffer | undefined): void {
    const dueMs = performance.now() + (this.#options.weather().delayMs ?? 0)
    this.#queue.push({ bytes, dueMs })
    this.#queuedBytes += bytes?.length ?? 0
    if (this.#queuedBytes > laneBytesMax) this.#from.pause()
    this.pump()
  }

  #writeSlice(bytes: Buffer, bytesPerS: number): void {
    const size = Math.max(1, Math.floor((bytesPerS * throttleSliceMs) / 1_000))
    this.#write(bytes.subarray(0, size))
    if (bytes.length > size) this.#queue.unshift({ bytes: bytes.subarray(size), dueMs: 0 })
    this.#throttledUntilMs = performance.now() + throttleSliceMs
  }

  #write(bytes: Buffer): void {
    this.#queuedBytes -= bytes.length
    if (this.#queuedBytes <= laneBytesMax) this.#from.resume()
    if (!this.#options.isSwallowed()) this.#to.write(bytes)
  }
}
