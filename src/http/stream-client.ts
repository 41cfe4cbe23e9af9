/**
 * One reader of `/api/stream`. Nothing is made before the client takes it:
 *
 *     rows, status, pings ──▶ what is due ──pull──▶ one chunk ──▶ the socket
 *
 * Invariants: rows go out in the order of the topic, none twice, none left out between the id that
 * the client came with and the one it leaves with. What is due is bounded by the rows at hand and
 * `backlogMax`; a client that takes nothing for `stallMs` is cut off.
 */
import type { SeenRow } from '../views/row-series.ts'
import { type Health, healthOf } from './health.ts'
import type { HttpPorts } from './ports.ts'
import type { StreamTiming } from './stream.ts'

export interface StreamClientOptions {
  readonly ports: HttpPorts
  readonly timing: Required<StreamTiming>
  /** What the client has had before; undefined: nothing, it wants only what comes. */
  readonly lastId: number | undefined
  /** Ends the connection without waiting for its reader. */
  readonly cut: () => void
  /** Called once, however it ended. */
  readonly gone: () => void
}

const backlogMax = 2_000
const rowsPerChunk = 100
const reconnectMs = 3_000
const statusRepeatMs = 60_000
const encoder = new TextEncoder()

export class StreamClient {
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>
  readonly #options: StreamClientOptions
  readonly #openedAt = performance.now()
  readonly #timer: NodeJS.Timeout
  readonly #unsubscribe: () => void
  #controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>> | undefined
  /** What comes before all that is due, in the notation of the wire. */
  #preface = `retry: ${reconnectMs}\n\n`
  #due: SeenRow[] = []
  /** How many of them came while it was open. */
  #backlog = 0
  /** Undefined until the rows before it are read, here or on the way to where it was. */
  #id: number | undefined
  #statusText = ''
  /** The one that is to be sent, if any. */
  #status: Health | undefined
  #statusAt = 0
  #sentAt = this.#openedAt
  #isHungry = false
  #takenAt = this.#openedAt
  #isOver = false

  constructor(options: StreamClientOptions) {
    const { ports, timing } = options
    this.#options = options
    this.body = new ReadableStream<Uint8Array<ArrayBuffer>>(
      {
        start: (controller) => void (this.#controller = controller),
        pull: () => {
          this.#isHungry = true
          this.#takenAt = performance.now()
          this.#feed()
        },
        cancel: () => this.#leave(),
      },
      { highWaterMark: 0 }
    )
    this.#unsubscribe = ports.rows.subscribe((seen) => this.#add(seen))
    this.#timer = setInterval(() => this.#tick(), timing.statusMs)
    this.#look()
  }

  end(): void {
    if (this.#isOver) return
    this.#leave()
    this.#controller?.close()
  }

  #leave(): void {
    if (this.#isOver) return
    this.#isOver = true
    clearInterval(this.#timer)
    this.#unsubscribe()
    this.#due = []
    this.#options.gone()
  }

  #add(seen: SeenRow): void {
    // Before that, the rows at hand hold this one too.
    if (this.#id === undefined) return
    this.#due.push(seen)
    this.#backlog += 1
    if (this.#backlog > backlogMax) this.#drop()
    else this.#feed()
  }

  #drop(): void {
    this.end()
    this.#options.cut()
  }

  #tick(): void {
    try {
      this.#look()
    } catch (error) {
      this.#options.ports.logger.error('A stream has failed', { error })
      this.#drop()
    }
  }

  /** What time brings: a state that has changed, a ping, the end of patience. */
  #look(): void {
    const { ports, timing } = this.#options
    const now = performance.now()
    if (this.#id === undefined) this.#join(now)
    const health = healthOf(ports)
    const text = JSON.stringify([health.state, health.reasons])
    if (text !== this.#statusText || now - this.#statusAt > statusRepeatMs) {
      this.#statusText = text
      this.#statusAt = now
      this.#status = health
    }
    if (!this.#isHungry && this.#isDue() && now - this.#takenAt > timing.stallMs) this.#drop()
    else this.#feed()
  }

  /** Finds its place among the rows, once this instance has read as far. */
  #join(now: number): void {
    const { ports, timing, lastId } = this.#options
    const { rows } = ports
    if (!rows.caughtUp) return
    if (lastId === undefined) {
      this.#id = rows.end
    } else if (lastId <= rows.end) {
      this.#id = lastId
      this.#due = [...rows.since(lastId)]
    } else if (now - this.#openedAt > timing.resumeMs) {
      // A topic that was made anew: it may never become as long as the one before.
      this.#id = 0
      this.#preface += this.#event('reset', {})
      this.#due = [...rows.since(0)]
    }
  }

  #isDue(): boolean {
    return (
      this.#preface !== '' ||
      this.#status !== undefined ||
      this.#due.length > 0 ||
      this.#isPingDue()
    )
  }

  #isPingDue(): boolean {
    return performance.now() - this.#sentAt >= this.#options.timing.pingMs
  }

  #feed(): void {
    if (!this.#isHungry || this.#isOver || !this.#isDue()) return
    this.#isHungry = false
    const chunk = this.#nextChunk()
    this.#sentAt = performance.now()
    this.#controller?.enqueue(encoder.encode(chunk))
  }

  #nextChunk(): string {
    let chunk = this.#preface
    this.#preface = ''
    if (this.#status !== undefined) chunk += this.#event('status', this.#status)
    this.#status = undefined
    for (const { row, offset } of this.#due.splice(0, rowsPerChunk)) {
      this.#id = offset + 1
      chunk += this.#event('row', row)
    }
    if (this.#due.length === 0) this.#backlog = 0
    return chunk === '' ? ': ping\n\n' : chunk
  }

  #event(name: string, data: object): string {
    const id = this.#id === undefined ? '' : `id: ${this.#id}\n`
    return `${id}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`
  }
}
