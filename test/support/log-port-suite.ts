/**
 * What every log must do, whatever is behind it: run against the embedded log and, on a real
 * broker, against Kafka. Only the ports are used; topics and applications get names of their own
 * per test.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { FatalError } from '../../src/errors.ts'
import { partitionForKey } from '../../src/serde/murmur2.ts'
import { describeCommits, describeLife, describeRestore } from './log-port-commits.ts'
import { bytes, createTopic, Reading, textOf, textRecord } from './log-port-tools.ts'
import { type LogHarness, World } from './log-port-world.ts'

const yearMs9999 = 253_370_764_800_000

/** Runs the whole suite against what `create` makes. */
export function describeLogPort(name: string, create: () => Promise<LogHarness>): void {
  describe(`the log port: ${name}`, () => {
    let harness: LogHarness
    const world = new World(() => harness)
    beforeAll(async () => {
      harness = await create()
    })
    afterAll(() => harness?.close())
    beforeEach(() => world.start())
    afterEach(() => world.stop())
    describeTopics(world)
    describeReading(world)
    describeRecords(world)
    describeCommits(world)
    describeRestore(world)
    describeLife(world)
  })
}

function describeTopics(world: World): void {
  it('creates what is missing once, and answers with the partitions of each', async () => {
    const { log, source, applicationId } = world
    const made = `${applicationId}-counts-changelog`
    const internal = {
      name: made,
      role: 'changelog',
      partitions: 3,
      config: { 'cleanup.policy': 'compact' },
      create: true,
    } as const
    const wanted = [{ name: source, role: 'source', create: false } as const, internal]
    const expected = new Map([
      [source, 2],
      [made, 3],
    ])
    expect(await log.prepare(wanted)).toEqual(expected)
    expect(await log.prepare(wanted)).toEqual(expected)
    expect(await log.partitions([made])).toEqual(new Map([[made, 3]]))
  })

  it('lists every fault at once: expected, found, and the command that mends it', async () => {
    const { log, source } = world
    const wrong = log.prepare([
      { name: `${source}-missing`, role: 'sink', create: false },
      { name: source, role: 'repartition', partitions: 5, create: true },
      {
        name: world.sink,
        role: 'changelog',
        partitions: 2,
        config: { 'cleanup.policy': 'compact' },
        create: true,
      },
    ])
    await expect(wrong).rejects.toBeInstanceOf(FatalError)
    const message = await wrong.then(
      () => '',
      (error: Error) => error.message
    )
    expect(message).toContain(`${source}-missing`)
    expect(message).toMatch(/expected 5 partitions, found 2/)
    expect(message).toMatch(/expected cleanup\.policy=compact, found (cleanup\.policy=)?delete/)
  })

  it('refuses to count the partitions of a topic that does not exist', async () => {
    const missing = world.log.partitions([`${world.source}-missing`])
    await expect(missing).rejects.toBeInstanceOf(FatalError)
    await expect(missing).rejects.toThrow(`${world.source}-missing`)
  })
}

function describeReading(world: World): void {
  it('reads what was appended, in order, and says where to resume', async () => {
    const { log, source } = world
    await log.append(source, [textRecord('a'), textRecord('b')])
    await log.append(source, [textRecord('c')])
    const reading = new Reading(log, { topic: source, partition: 0 }, 0)
    const { reader } = reading
    const seen = await reading.take(3)
    expect(seen.map(({ offset, value }) => [offset, value])).toEqual([
      [0, 'a'],
      [1, 'b'],
      [2, 'c'],
    ])
    expect([reader.position, reader.topic, reader.partition]).toEqual([3, source, 0])
    expect(reader.advance()).toBe(false)
    reader.close()
  })

  it('starts at the offset it is given, also inside a batch', async () => {
    const { log, source } = world
    await log.append(
      source,
      ['a', 'b', 'c', 'd'].map((value) => textRecord(value))
    )
    const reading = new Reading(log, { topic: source, partition: 0 }, 2)
    expect((await reading.take(2)).map(({ value }) => value)).toEqual(['c', 'd'])
    reading.reader.close()
  })

  it('tells of records that come later, never from inside advance()', async () => {
    const { log, source } = world
    let isInside = false
    let calls = 0
    let wake: () => void = () => undefined
    const reader = log.read({ topic: source, partition: 1 }, 'earliest', {
      onData: () => {
        expect(isInside).toBe(false)
        calls++
        wake()
      },
    })
    const advance = (): boolean => {
      isInside = true
      const here = reader.advance()
      isInside = false
      return here
    }
    expect(advance()).toBe(false)
    await log.append(source, [textRecord('late', { partition: 1 })])
    // The record may be here before it is told of: only a reader that was told looks again.
    while (calls === 0 || !advance()) await new Promise<void>((resolve) => (wake = resolve))
    expect(textOf(reader.value)).toBe('late')
    reader.close()
  })

  it('keeps the latest answer: log start and high watermark, between two times', async () => {
    const { log, source } = world
    await log.append(source, [textRecord('a'), textRecord('b')])
    const reading = new Reading(log, { topic: source, partition: 0 }, 'earliest')
    await reading.until(() => reading.reader.answer?.highWatermark === 2)
    const { answer } = reading.reader
    expect(answer).toMatchObject({ logStart: 0, highWatermark: 2 })
    expect(answer?.answeredAt).toBeGreaterThanOrEqual(answer?.sentAt ?? Number.NaN)
    const empty = new Reading(log, { topic: source, partition: 1 }, 'earliest')
    await empty.until(() => empty.reader.answer !== undefined)
    expect(empty.reader.position).toBe(0)
    expect(empty.reader.answer).toMatchObject({ logStart: 0, highWatermark: 0 })
    reading.reader.close()
    empty.reader.close()
  })

  it('reads more than its bound in bytes without losing any', async () => {
    const { log, source } = world
    const filler = 'x'.repeat(10_000)
    for (let batch = 0; batch < 5; batch++) {
      const records = Array.from({ length: 20 }, (_, i) =>
        textRecord(`${batch * 20 + i} ${filler}`)
      )
      await log.append(source, records)
    }
    const reading = new Reading(log, { topic: source, partition: 0 }, 'earliest', 50_000)
    const seen = await reading.take(100)
    expect(seen.map(({ value }) => Number.parseInt(value ?? '', 10))).toEqual(
      Array.from({ length: 100 }, (_, i) => i)
    )
    reading.reader.close()
  })

  it('reads in place what views show, and leaves kept views as they are', async () => {
    const { log, source } = world
    const [batches, perBatch] = [12, 10]
    const texts = Array.from({ length: batches * perBatch }, (_, i) =>
      `${i} `.padEnd(10_000, String(i % 10))
    )
    for (let batch = 0; batch < batches; batch++) {
      const own = texts.slice(batch * perBatch, (batch + 1) * perBatch)
      await log.append(
        source,
        own.map((value) => textRecord(value, { key: bytes(value.slice(0, 9)) }))
      )
    }
    const reading = new Reading(log, { topic: source, partition: 0 }, 'earliest', 50_000)
    const { reader } = reading
    const kept: (readonly [number, Uint8Array | null])[] = []
    const inPlace = (bytes: Uint8Array, start: number, end: number): string =>
      Buffer.from(bytes.slice(start, end)).toString()
    for (let i = 0; i < texts.length; ) {
      if (!reader.advance()) {
        await reading.sign()
        continue
      }
      // A view of few batches only: the memory of the others is used again meanwhile.
      if (i % (4 * perBatch) === 0) kept.push([i, reader.value])
      expect([reader.keyLength, reader.valueLength]).toEqual([9, 10_000])
      expect(reader.readKey(inPlace)).toBe(texts[i]?.slice(0, 9))
      expect(reader.readValue(inPlace) === texts[i]).toBe(true)
      i++
    }
    expect(kept.map(([i, view]) => textOf(view) === texts[i])).toEqual([true, true, true])
    reader.close()
  })

  it('throws when an offset is not in the log, before its start or behind its end', async () => {
    const { log, source } = world
    const at = { topic: source, partition: 0 }
    await log.append(
      source,
      ['a', 'b', 'c'].map((value) => textRecord(value))
    )
    await log.purge([{ ...at, before: 2 }])
    for (const from of [0, 9]) {
      const reading = new Reading(log, at, from)
      await expect(reading.take(1)).rejects.toMatchObject({ code: 'MILLRACE_OFFSET_OUT_OF_RANGE' })
      reading.reader.close()
    }
    const earliest = new Reading(log, at, 'earliest')
    expect((await earliest.take(1))[0]).toMatchObject({ offset: 2, value: 'c' })
    expect(earliest.reader.answer).toMatchObject({ logStart: 2, highWatermark: 3 })
    earliest.reader.close()
  })
}

function describeRecords(world: World): void {
  it('keeps keys, nulls, empty bytes, timestamps and headers as they are', async () => {
    const { log, applicationId } = world
    const topic = `${applicationId}-wide`
    await createTopic(log, topic, 1, { 'message.timestamp.after.max.ms': '9223372036854775807' })
    const header = [
      ['twice', bytes('1')],
      ['twice', bytes('2')],
      ['10', null],
      ['', bytes('')],
    ] as const
    await log.append(topic, [
      { partition: 0, timestamp: 0, key: bytes(''), value: bytes('') },
      { partition: 0, timestamp: yearMs9999, key: bytes('k'), value: null, headers: header },
      { partition: 0, timestamp: 5, key: null, value: bytes('v') },
    ])
    const reading = new Reading(log, { topic, partition: 0 }, 'earliest')
    expect(await reading.take(3)).toEqual([
      { offset: 0, timestamp: 0, key: '', value: '', headers: [] },
      {
        offset: 1,
        timestamp: yearMs9999,
        key: 'k',
        value: null,
        headers: header.map(([name, value]) => [name, textOf(value)]),
      },
      { offset: 2, timestamp: 5, key: null, value: 'v', headers: [] },
    ])
    reading.reader.close()
  })

  it('carries a record of nearly a megabyte and one of 10,000 headers', async () => {
    const { log, source } = world
    const big = 'x'.repeat(1_000_000)
    const headers = Array.from({ length: 10_000 }, (_, i) => [`h${i}`, bytes(`${i}`)] as const)
    await log.append(source, [textRecord(big), textRecord('many', { headers }), textRecord('end')])
    const reading = new Reading(log, { topic: source, partition: 0 }, 'earliest')
    const [first, second, third] = await reading.take(3)
    expect(first?.value?.length).toBe(big.length)
    expect(second?.headers.length).toBe(10_000)
    expect(second?.headers[9_999]).toEqual(['h9999', '9999'])
    expect(third?.value).toBe('end')
    reading.reader.close()
  })

  it('puts records where their key belongs, and spreads those without a key', async () => {
    const { log, source } = world
    const keys = Array.from({ length: 40 }, (_, i) => `key-${i}`)
    await log.append(
      source,
      keys.map((key) => ({ timestamp: 1, key: bytes(key), value: bytes(key) }))
    )
    for (let i = 0; i < 4; i++) {
      await log.append(source, [{ timestamp: 1, key: null, value: bytes('none') }])
    }
    const wanted = [0, 1].map((partition) =>
      keys.filter((key) => partitionForKey(bytes(key), 2) === partition)
    )
    for (const partition of [0, 1]) {
      const reading = new Reading(log, { topic: source, partition }, 'earliest')
      const own = wanted[partition] ?? []
      const seen = await reading.take(own.length + 1)
      expect(seen.flatMap(({ key }) => key ?? [])).toEqual(own)
      reading.reader.close()
    }
  })
}
