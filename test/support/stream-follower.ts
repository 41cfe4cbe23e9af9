/** A reader of `/api/stream` that goes on with any instance, behind what it has had. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { MetricRow } from './shop-recount.ts'

export interface StreamedRow {
  readonly id: number
  readonly row: MetricRow
}

export class StreamFollower {
  /** All that came, in the order in which it did. */
  readonly rows: StreamedRow[] = []
  /** How often it was told that its id means nothing. */
  resets = 0
  /** How often it was answered. */
  streams = 0
  readonly #urls: () => readonly string[]
  readonly #cut = new AbortController()
  readonly #running: Promise<void>
  #lastId = 0

  /** @param urls of the instances that run; asked before each attempt */
  constructor(urls: () => readonly string[]) {
    this.#urls = urls
    this.#running = this.#run()
  }

  async close(): Promise<void> {
    this.#cut.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    for (let attempt = 0; !this.#cut.signal.aborted; attempt++) {
      const urls = this.#urls()
      const url = urls[attempt % Math.max(1, urls.length)]
      if (url !== undefined) await this.#follow(url).catch(() => undefined)
      await sleep(20)
    }
  }

  async #follow(url: string): Promise<void> {
    const headers = { 'last-event-id': String(this.#lastId) }
    const answer = await fetch(`${url}/api/stream`, { headers, signal: this.#cut.signal })
    if (answer.status === 200) this.streams += 1
    const decoder = new TextDecoder()
    let text = ''
    for await (const chunk of answer.body ?? []) {
      const blocks = (text + decoder.decode(chunk, { stream: true })).split('\n\n')
      text = blocks.pop() ?? ''
      for (const block of blocks) this.#take(block)
    }
  }

  #take(block: string): void {
    const fields = new Map(block.split('\n').map((line) => split(line)))
    const [id, event] = [fields.get('id'), fields.get('event')]
    if (id !== undefined) this.#lastId = Number(id)
    if (event === 'reset') this.resets += 1
    if (event === 'row') {
      this.rows.push({ id: this.#lastId, row: JSON.parse(fields.get('data') ?? '') as MetricRow })
    }
  }
}

function split(line: string): readonly [name: string, value: string] {
  const colon = line.indexOf(': ')
  return [line.slice(0, colon), line.slice(colon + 2)]
}
