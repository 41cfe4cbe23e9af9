/** Serdes that have to learn something before they can read or write. */
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { merge } from '../../src/dsl/merge.ts'
import { StreamsBuilder } from '../../src/dsl/streams-builder.ts'
import { topic } from '../../src/dsl/topic.ts'
import { NotReadyError } from '../../src/errors.ts'
import { converted } from '../../src/serde/converted.ts'
import { nullable } from '../../src/serde/nullable.ts'
import { string } from '../../src/serde/primitives.ts'
import type { Serde } from '../../src/serde/serde.ts'
import { TopologyTestDriver } from '../../src/testing/index.ts'
import type { Topology } from '../../src/topology/topology.ts'

/** Texts with a `?` are not known before somebody tells. */
class Knowledge {
  #isThere = false
  #tell: () => void = () => {}
  #told = Promise.resolve()
  asked = 0

  constructor() {
    this.forget()
  }

  forget(): void {
    this.#isThere = false
    this.#told = new Promise((resolve) => (this.#tell = resolve))
  }

  tell(): void {
    this.#isThere = true
    this.#tell()
  }

  /** What one was waiting for has not helped. */
  tellNothing(): void {
    const tell = this.#tell
    this.forget()
    tell()
  }

  check = (text: string): string => {
    if (this.#isThere || !text.includes('?')) return text
    this.asked++
    throw new NotReadyError(`nobody knows ${text}`, this.#told)
  }
}

const start = '2026-01-01T00:00:00Z'
let knowledge: Knowledge
let driver: TopologyTestDriver | undefined

function reading(): Serde<string> {
  return converted('reading', string(), { read: knowledge.check, write: (text: string) => text })
}

function writing(): Serde<string> {
  return converted('writing', string(), { read: (text) => text, write: knowledge.check })
}

async function open(build: (builder: StreamsBuilder) => void, instances = 1) {
  const builder = new StreamsBuilder()
  build(builder)
  const topology: Topology = builder.build()
  driver = await TopologyTestDriver.open(topology, { start, instances })
  return driver
}

const out = topic('out', { key: nullable(string()), value: string(), create: true })

function texts(name: string, value: Serde<string> = string()) {
  return topic(name, { key: nullable(string()), value })
}

function shown(running: TopologyTestDriver): readonly string[] {
  return running
    .output(out)
    .readAll()
    .map(({ value }) => value ?? '')
}

/** Without waiting for what comes of them. */
async function send(running: TopologyTestDriver, name: string, values: readonly string[]) {
  const from = Date.parse(start)
  const records = values.map((value, index) => ({
    key: Buffer.from('k'),
    value: Buffer.from(value),
    timestamp: from + index,
  }))
  await running.log.append(name, records)
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await turn()
}

afterEach(async () => {
  knowledge.tell()
  await driver?.close()
  driver = undefined
})

describe('a serde that is not ready', () => {
  it('lets the record wait, and all after it, and skips none', async () => {
    knowledge = new Knowledge()
    const running = await open((builder) =>
      builder.stream(texts('in', nullable(reading()) as Serde<string>)).to(out)
    )
    await send(running, 'in', ['a', 'b?', 'c'])
    const settling = running.settle()
    await turns(200)
    expect(shown(running)).toEqual(['a'])
    const [position] = running.snapshots()[0]?.tasks[0]?.partitions ?? []
    expect(position).toMatchObject({ position: 1, lag: 2 })
    expect(knowledge.asked).toBe(1)
    knowledge.tellNothing()
    await turns(200)
    expect(knowledge.asked).toBe(2)
    knowledge.tell()
    await settling
    expect(shown(running)).toEqual(['b?', 'c'])
    expect(running.dropped()).toEqual({})
  })

  it('is read again after a crash in between, once', async () => {
    knowledge = new Knowledge()
    const running = await open((builder) => builder.stream(texts('in', reading())).to(out))
    await send(running, 'in', ['a', 'b?', 'c'])
    const settling = running.settle().catch(() => {})
    await turns(200)
    await running.crash()
    knowledge.tell()
    await settling
    await running.restart()
    expect(shown(running)).toEqual(['a', 'b?', 'c'])
  })

  it('holds back records of other sources, whose order would else depend on it', async () => {
    knowledge = new Knowledge()
    const running = await open((builder) => {
      const [left, right] = [texts('left', reading()), texts('right')]
      merge(builder.stream(left), builder.stream(right)).to(out)
    })
    await send(running, 'left', ['a?'])
    await send(running, 'right', ['b'])
    const settling = running.settle()
    await turns(200)
    expect(shown(running)).toEqual([])
    knowledge.tell()
    await settling
    expect(shown(running)).toEqual(['a?', 'b'])
  })

  it('undoes what came of a record that cannot be written yet, and does it again', async () => {
    knowledge = new Knowledge()
    const running = await open((builder) =>
      builder
        .stream(texts('in'))
        .deduplicate('once', { by: (text) => text, within: '1m' })
        .to(topic('out', { key: nullable(string()), value: writing(), create: true }))
    )
    await send(running, 'in', ['a', 'b?', 'b?', 'c'])
    const settling = running.settle()
    await turns(200)
    knowledge.tell()
    await settling
    expect(shown(running)).toEqual(['a', 'b?', 'c'])
    expect(running.dropped()).toEqual({ duplicate: 1 })
  })

  it('keeps a global table from missing a row, at the start too', async () => {
    knowledge = new Knowledge()
    const running = await open((builder) => {
      const table = builder.globalTable(texts('titles', reading()), 'titles')
      builder
        .stream(texts('in'))
        .join(
          table,
          (text) => text,
          (text, title) => `${text} ${title}`
        )
        .to(out)
    })
    knowledge.tell()
    const keyed = (key: string, value: string) => ({
      key: Buffer.from(key),
      value: Buffer.from(value),
      timestamp: Date.parse(start),
    })
    await running.log.append('titles', [keyed('a', 'A?')])
    await running.settle()
    knowledge.forget()
    await running.log.append('titles', [keyed('b', 'B?'), keyed('c', 'C')])
    const settling = running.settle()
    await turns(200)
    knowledge.tell()
    await settling
    await send(running, 'in', ['a', 'b', 'c'])
    await running.settle()
    expect(shown(running)).toEqual(['a A?', 'b B?', 'c C'])
    await running.crash()
    knowledge.forget()
    const restarting = running.restart({ wipe: true })
    await turns(200)
    knowledge.tell()
    await restarting
    await send(running, 'in', ['a', 'b', 'c'])
    await running.settle()
    expect(shown(running)).toEqual(['a A?', 'b B?', 'c C'])
    expect(running.dropped()).toEqual({})
  })
})
