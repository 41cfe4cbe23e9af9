/** Claims: compaction keeps exactly what Kafka's rule says, at its offset, whatever happens. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ManualClock } from '../../src/clock.ts'
import { CorruptedError } from '../../src/errors.ts'
import { EmbeddedLog } from '../../src/log/embedded-log.ts'
import type { StoredRecord } from '../../src/log/inspect.ts'
import type { RecordCursor } from '../../src/record.ts'
import { bytes, createTopic, Reading, textOf } from '../support/log-port-tools.ts'

const topic = 'changelog'
const compacted = { 'cleanup.policy': 'compact' }
const dayMs = 86_400_000
const hourMs = 3_600_000
const at = { topic, partition: 0 }

let home: string

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'millrace-log-'))
})

afterEach(() => rmSync(home, { recursive: true, force: true }))

interface Entry {
  readonly key: string
  readonly value: string | null
}

const entry = fc.record({
  key: fc.integer({ min: 0, max: 6 }).map((n) => `k${n}`),
  // Long values fill chunks, so that runs of several chunks come up.
  value: fc.option(
    fc.oneof(
      fc.string({ maxLength: 5 }),
      fc.nat(40_000).map((n) => 'x'.repeat(n))
    ),
    { nil: null }
  ),
})

const step = fc.oneof(
  { weight: 6, arbitrary: fc.array(entry, { minLength: 1, maxLength: 12 }) },
  { weight: 2, arbitrary: fc.constant('compact' as const) },
  { weight: 1, arbitrary: fc.constant('day' as const) },
  { weight: 1, arbitrary: fc.constant('reopen' as const) }
)

/** The log that never forgets, and what must be left of it. */
class Model {
  readonly written: { offset: number; key: string; value: string | null; day: number }[] = []
  day = 0

  write(entries: readonly Entry[]): void {
    for (const { key, value } of entries) {
      this.written.push({ offset: this.written.length, key, value, day: this.day })
    }
  }

  latest(): Map<string, string> {
    const found = new Map<string, string>()
    for (const { key, value } of this.written) {
      if (value === null) found.delete(key)
      else found.set(key, value)
    }
    return found
  }

  /** Right after a compaction: the latest of each key, tombstones only of the last day. */
  compacted(): unknown[] {
    const last = new Map(this.written.map(({ key, offset }) => [key, offset]))
    return this.written
      .filter(({ key, offset }) => last.get(key) === offset)
      .filter(({ value, day }) => value !== null || day === this.day)
      .map(({ offset, key, value }) => ({ offset, key, value }))
  }
}

/** Reads a little at a time, so that compaction changes under it what it has half read. */
class Follower {
  readonly state = new Map<string, string>()
  #position = 0
  #reading: Reading | undefined

  async follow(log: EmbeddedLog, count: number): Promise<void> {
    this.#reading ??= new Reading(log, at, this.#position)
    const { reader } = this.#reading
    for (let read = 0; read < count && reader.position < (reader.answer?.highWatermark ?? 0); ) {
      if (!reader.advance()) {
        await new Promise((resolve) => setImmediate(resolve))
        continue
      }
      expect(reader.offset).toBeGreaterThanOrEqual(this.#position)
      const { key, value } = plainTexts(reader)
      if (value === null) this.state.delete(key)
      else this.state.set(key, value)
      this.#position = reader.position
      read++
    }
  }

  get position(): number {
    return this.#reading?.reader.position ?? this.#position
  }

  pause(): void {
    this.#position = this.#reading?.reader.position ?? 0
    this.#reading?.reader.close()
    this.#reading = undefined
  }
}

function plainTexts({ key, value }: RecordCursor): { key: string; value: string | null } {
  return { key: textOf(key) ?? '', value: textOf(value) }
}

const plain = ({ offset, key, value }: StoredRecord): unknown => ({
  offset,
  key: textOf(key),
  value: textOf(value),
})

async function write(log: EmbeddedLog, entries: readonly Entry[]): Promise<void> {
  await log.append(
    topic,
    entries.map(({ key, value }) => ({
      partition: 0,
      timestamp: 0,
      key: bytes(key),
      value: value === null ? null : bytes(value),
    }))
  )
}

async function restored(log: EmbeddedLog): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  await log.restore(at, 'earliest', {
    signal: new AbortController().signal,
    apply: ({ key, value }) => {
      if (value === null) found.delete(textOf(key) ?? '')
      else found.set(textOf(key) ?? '', textOf(value) ?? '')
    },
    flush: () => undefined,
  })
  return found
}

async function runSteps(
  steps: readonly (readonly Entry[] | 'compact' | 'day' | 'reopen')[],
  open: (clock: ManualClock, before?: EmbeddedLog) => Promise<EmbeddedLog>
): Promise<void> {
  const clock = new ManualClock(1_700_000_000_000)
  const model = new Model()
  const follower = new Follower()
  let log = await open(clock)
  await createTopic(log, topic, 1, compacted)
  for (const next of [...steps, 'compact' as const]) {
    if (next === 'reopen') {
      follower.pause()
      log = await open(clock, log)
    } else if (next === 'day') {
      clock.advance(dayMs + 1)
      model.day++
    } else if (next === 'compact') {
      await log.maintain({ compact: true })
      const isBehind = follower.position < model.written.length
      const found = (await log.inspect().records(topic)).map(plain)
      if (!isBehind) expect(found).toEqual(model.compacted())
    } else {
      await write(log, next)
      model.write(next)
    }
    await follower.follow(log, 3)
    expect(await restored(log)).toEqual(model.latest())
    const reading = new Reading(log, at, 'earliest')
    await reading.until(() => reading.reader.position === model.written.length)
    reading.reader.close()
  }
  await follower.follow(log, Number.POSITIVE_INFINITY)
  expect(follower.state).toEqual(model.latest())
  await log.close()
}

describe('compaction', () => {
  it('in memory, keeps what the model keeps over any sequence of steps', async () => {
    const open = async (clock: ManualClock, before?: EmbeddedLog): Promise<EmbeddedLog> =>
      before ?? EmbeddedLog.inMemory({ clock })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 15 }), (steps) => runSteps(steps, open)),
      { numRuns: 60 }
    )
  })

  it('on disk, keeps what the model keeps over any sequence of steps and restarts', async () => {
    let life = 0
    const open = async (clock: ManualClock, before?: EmbeddedLog): Promise<EmbeddedLog> => {
      if (before === undefined) life++
      await before?.close()
      // A small tail, so that both memory and storage are read.
      return EmbeddedLog.open({ path: join(home, `${life}`), clock, tailBytesMax: 50_000 })
    }
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), (steps) => runSteps(steps, open)),
      { numRuns: 15 }
    )
  })
})

describe('a tombstone', () => {
  const clock = new ManualClock(1_700_000_000_000)

  async function started(): Promise<EmbeddedLog> {
    const log = EmbeddedLog.inMemory({ clock })
    await createTopic(log, topic, 1, compacted)
    await write(log, [{ key: 'a', value: '1' }])
    await write(log, [{ key: 'b', value: '1' }])
    await write(log, [{ key: 'a', value: null }])
    return log
  }

  const keys = async (log: EmbeddedLog): Promise<unknown> =>
    (await log.inspect().records(topic)).map(({ key }) => textOf(key))

  it('stays for 24 hours, then goes', async () => {
    const log = await started()
    clock.advance(dayMs - 1)
    await log.maintain({ compact: true })
    expect(await keys(log)).toEqual(['b', 'a'])
    clock.advance(1)
    await log.maintain({ compact: true })
    expect(await keys(log)).toEqual(['b'])
  })

  it('goes in time, however often the chunk that holds it is merged with newer ones', async () => {
    const log = await started()
    for (let hours = 0; hours < 31; hours += 2) {
      clock.advance(2 * hourMs)
      await write(log, [{ key: 'c', value: `${hours}` }])
      await log.maintain({ compact: true })
    }
    expect(await keys(log)).toEqual(['b', 'c'])
  })

  it('stays for a reader that has not seen it', async () => {
    const log = await started()
    const reading = new Reading(log, at, 'earliest')
    await reading.take(1)
    clock.advance(2 * dayMs)
    await log.maintain({ compact: true })
    expect(await keys(log)).toEqual(['b', 'a'])
    await reading.take(2)
    await log.maintain({ compact: true })
    expect(await keys(log)).toEqual(['b'])
  })

  it('stays for a restore that is on its way', async () => {
    const log = await started()
    clock.advance(2 * dayMs)
    let left: unknown
    const seen: unknown[] = []
    await log.restore(at, 'earliest', {
      signal: new AbortController().signal,
      apply: ({ key }) => seen.push(textOf(key)),
      flush: async () => {
        await log.maintain({ compact: true })
        left = await keys(log)
      },
    })
    expect([seen, left]).toEqual([
      ['a', 'b', 'a'],
      ['b', 'a'],
    ])
  })

  it('stays for a reader that comes while it is about to go, at whichever moment', async () => {
    for (let moment = 0; moment < 8; moment++) {
      const log = EmbeddedLog.inMemory({ clock })
      await createTopic(log, topic, 1, compacted)
      // Sizes that make the compaction load again before it replaces the run of the tombstone.
      await write(log, [{ key: 'x', value: '1'.repeat(70_000) }])
      await write(log, [{ key: 'a', value: '1'.repeat(30_000) }])
      await write(log, [{ key: 'a', value: '2'.repeat(30_000) }])
      await write(log, [{ key: 'a', value: null }])
      await write(log, [{ key: 'b', value: '1'.repeat(10_000) }])
      await write(log, [{ key: 'c', value: '1'.repeat(70_000) }])
      clock.advance(2 * dayMs)
      const compaction = log.maintain({ compact: true })
      for (let turn = 0; turn < moment; turn++) {
        await new Promise((resolve) => setImmediate(resolve))
      }
      const follower = new Follower()
      await follower.follow(log, 1)
      while (follower.position < 3) await follower.follow(log, 1)
      await compaction
      await follower.follow(log, Number.POSITIVE_INFINITY)
      expect([...follower.state.keys()].sort()).toEqual(['b', 'c', 'x'])
    }
  })

  it('that is gone makes older checkpoints useless, and says so', async () => {
    const log = await started()
    clock.advance(2 * dayMs)
    await log.maintain({ compact: true })
    const options = {
      signal: new AbortController().signal,
      apply: () => undefined,
      flush: () => undefined,
    }
    await expect(log.restore(at, 2, options)).rejects.toBeInstanceOf(CorruptedError)
    expect(await log.restore(at, 3, options)).toBe(3)
    expect(await log.restore(at, 'earliest', options)).toBe(3)
  })
})

describe('the settings of a compacted topic', () => {
  it('keep records of less age than min.compaction.lag.ms as they are', async () => {
    const clock = new ManualClock(0)
    const log = EmbeddedLog.inMemory({ clock })
    await createTopic(log, topic, 1, { ...compacted, 'min.compaction.lag.ms': String(hourMs) })
    await write(log, [{ key: 'a', value: '1' }])
    await write(log, [{ key: 'a', value: '2' }])
    await log.maintain({ compact: true })
    expect(await log.inspect().records(topic)).toHaveLength(2)
    clock.advance(hourMs)
    await write(log, [{ key: 'a', value: '3' }])
    await log.maintain({ compact: true })
    expect((await log.inspect().records(topic)).map(plain)).toEqual([
      { offset: 1, key: 'a', value: '2' },
      { offset: 2, key: 'a', value: '3' },
    ])
  })

  it('leave a topic alone until so much is new that it pays', async () => {
    const log = EmbeddedLog.inMemory({ clock: new ManualClock(0) })
    await createTopic(log, topic, 1, compacted)
    const value = 'x'.repeat(100_000)
    for (let i = 0; i < 10; i++) await write(log, [{ key: 'a', value }])
    await log.maintain()
    expect(await log.inspect().records(topic)).toHaveLength(10)
    await write(log, [{ key: 'a', value }])
    await log.maintain()
    expect(await log.inspect().records(topic)).toHaveLength(1)
  })

  it('refuse a record without a key, and nothing of that commit is stored', async () => {
    const log = EmbeddedLog.inMemory({ clock: new ManualClock(0) })
    await createTopic(log, topic, 1, compacted)
    const records = [
      { timestamp: 0, key: bytes('a'), value: null },
      { timestamp: 0, key: null, value: bytes('1') },
    ]
    await expect(log.append(topic, records)).rejects.toMatchObject({
      code: 'MILLRACE_RECORD_KEYLESS',
    })
    expect(await log.inspect().records(topic)).toEqual([])
  })
})
