/** The second half of the port suite: commits, restoring, and what survives a restart. */
import { expect, it } from 'vitest'
import { CorruptedError, FencedError } from '../../src/errors.ts'
import { type TopicPartition, taskId } from '../../src/ids.ts'
import { bytes, commitOne, copyOf, Reading, type SeenRecord, textOf } from './log-port-tools.ts'
import type { World } from './log-port-world.ts'

export function describeCommits(world: World): void {
  it('commits records and offsets together, and says where each partition ends', async () => {
    const { log, source, sink } = world
    await world.member()
    const receipt = await commitOne(log, source, 7, (batch) => {
      batch.append(sink, 0, 10, bytes('k'), bytes('one'))
      batch.append(sink, 0, 11, bytes('k'), bytes('two'), [['h', null]])
      batch.append(sink, 1, 12, null, bytes('three'))
      expect([batch.records, batch.bytes > 0]).toEqual([3, true])
    })
    expect(receipt.endOffset(sink, 0)).toBe(2)
    expect(receipt.endOffset(sink, 1)).toBe(1)
    expect(receipt.endOffset(source, 0)).toBeUndefined()
    const own = { topic: source, partition: 0 }
    expect(await log.committed([own, { topic: source, partition: 1 }])).toEqual([
      { ...own, offset: 7, metadata: 'commit 7' },
      { topic: source, partition: 1, offset: undefined, metadata: '' },
    ])
    const reading = new Reading(log, { topic: sink, partition: 0 }, 'earliest')
    expect((await reading.take(2)).map(({ value }) => value)).toEqual(['one', 'two'])
    reading.reader.close()
  })

  it('encodes at once: a buffer can be reused after append', async () => {
    const { log, source, sink } = world
    await world.member()
    const buffer = bytes('0')
    await commitOne(log, source, 1, (batch) => {
      for (const digit of ['1', '2', '3']) {
        buffer.set(bytes(digit))
        batch.append(sink, 0, 1, buffer, buffer)
      }
    })
    const reading = new Reading(log, { topic: sink, partition: 0 }, 'earliest')
    expect((await reading.take(3)).map(({ key, value }) => [key, value])).toEqual([
      ['1', '1'],
      ['2', '2'],
      ['3', '3'],
    ])
    reading.reader.close()
  })

  it('commits offsets without records, again and again, and keeps the last', async () => {
    const { log, source } = world
    await world.member()
    for (let number = 1; number <= 5; number++) await commitOne(log, source, number)
    const [last] = await log.committed([{ topic: source, partition: 0 }])
    expect(last).toMatchObject({ offset: 5, metadata: 'commit 5' })
  })

  it('commits 20,000 records at once, in order', async () => {
    const { log, source, sink } = world
    await world.member()
    const count = 20_000
    const receipt = await commitOne(log, source, 1, (batch) => {
      const filler = 'x'.repeat(90)
      for (let i = 0; i < count; i++) batch.append(sink, i % 2, i, null, bytes(`${i} ${filler}`))
    })
    for (const partition of [0, 1]) {
      expect(receipt.endOffset(sink, partition)).toBe(count / 2)
      const reading = new Reading(log, { topic: sink, partition }, 'earliest')
      const seen = await reading.take(count / 2)
      expect(seen.every(({ timestamp }, i) => timestamp === i * 2 + partition)).toBe(true)
      reading.reader.close()
    }
  })

  it('moves the position past all that yields no record', async () => {
    const { log, source, sink } = world
    await world.member()
    for (let number = 1; number <= 3; number++) {
      await commitOne(log, source, number, (batch) => batch.append(sink, 0, 1, null, bytes('v')))
    }
    const reading = new Reading(log, { topic: sink, partition: 0 }, 'earliest')
    const { reader } = reading
    await reading.take(3)
    await reading.until(() => reader.position === reader.answer?.highWatermark)
    expect(reader.position).toBeGreaterThanOrEqual(3)
    reader.close()
  })

  it('refuses a commit for a task that is not ours, and shows nothing of it', async () => {
    const { log, source, sink } = world
    await world.member()
    const batch = log.createBatch()
    batch.append(sink, 0, 1, null, bytes('never'))
    const at = { topic: source, partition: 0, offset: 1, metadata: 'commit 1' }
    const foreign = log.commit({ batch, offsets: [{ ...at, task: taskId(9, 9) }], number: 1 })
    await expect(foreign).rejects.toBeInstanceOf(FencedError)
    await commitOne(log, source, 2, (next) => next.append(sink, 0, 1, null, bytes('first')))
    const reading = new Reading(log, { topic: sink, partition: 0 }, 'earliest')
    expect((await reading.take(1))[0]?.value).toBe('first')
    reading.reader.close()
  })
}

export function describeRestore(world: World): void {
  async function fill(): Promise<TopicPartition> {
    const { log, source, sink } = world
    await world.member()
    for (let number = 1; number <= 3; number++) {
      await commitOne(log, source, number, (batch) => {
        for (let i = 0; i < 10; i++)
          batch.append(sink, 0, number, bytes(`${i}`), bytes(`${number}`))
      })
    }
    await log.committed([{ topic: source, partition: 0 }])
    return { topic: sink, partition: 0 }
  }

  it('restores everything that was committed, in order, up to the end', async () => {
    const changelog = await fill()
    const seen: SeenRecord[] = []
    const flushed: number[] = []
    const progress: number[] = []
    const reached = await world.log.restore(changelog, 'earliest', {
      signal: new AbortController().signal,
      apply: (record) => seen.push(copyOf(record)),
      flush: (position) => {
        flushed.push(position)
      },
      onProgress: (position, end) => progress.push(end - position),
    })
    expect(seen.map(({ key, value }) => `${value}${key}`)).toEqual(
      [1, 2, 3].flatMap((number) => Array.from({ length: 10 }, (_, i) => `${number}${i}`))
    )
    expect(reached).toBeGreaterThanOrEqual(30)
    expect(flushed.at(-1)).toBe(reached)
    expect(progress.at(-1)).toBe(0)
  })

  it('restores the rest from a position it has reached before', async () => {
    const { log, source, sink } = world
    const changelog = await fill()
    const options = { signal: new AbortController().signal, flush: () => undefined }
    const reached = await log.restore(changelog, 'earliest', { ...options, apply: () => undefined })
    await commitOne(log, source, 4, (batch) => batch.append(sink, 0, 4, bytes('k'), bytes('new')))
    await log.committed([{ topic: source, partition: 0 }])
    const seen: (string | null)[] = []
    const again = await log.restore(changelog, reached, {
      ...options,
      apply: ({ value }) => seen.push(textOf(value)),
    })
    expect(seen).toEqual(['new'])
    expect(await log.restore(changelog, again, { ...options, apply: () => undefined })).toBe(again)
  })

  it('resolves at once on an empty changelog', async () => {
    const at = { topic: world.sink, partition: 1 }
    const reached = await world.log.restore(at, 'earliest', {
      signal: new AbortController().signal,
      apply: () => expect.unreachable(),
      flush: () => undefined,
    })
    expect(reached).toBe(0)
  })

  it('refuses a position that is not in the changelog, or no longer', async () => {
    const { log } = world
    const changelog = await fill()
    const options = {
      signal: new AbortController().signal,
      apply: () => undefined,
      flush: () => undefined,
    }
    await expect(log.restore(changelog, 9_999, options)).rejects.toBeInstanceOf(CorruptedError)
    await log.purge([{ ...changelog, before: 15 }])
    await expect(log.restore(changelog, 3, options)).rejects.toBeInstanceOf(CorruptedError)
  })

  it('can be called off', async () => {
    const changelog = await fill()
    const stop = new AbortController()
    const restoring = world.log.restore(changelog, 'earliest', {
      signal: stop.signal,
      apply: () => stop.abort(),
      flush: () => undefined,
    })
    await expect(restoring).rejects.toThrow()
  })
}

export function describeLife(world: World): void {
  it('keeps records, offsets and topics over a restart', async () => {
    const { source, sink } = world
    await world.member()
    await commitOne(world.log, source, 3, (batch) => batch.append(sink, 1, 1, null, bytes('kept')))
    const log = await world.reopen()
    expect(await log.partitions([sink])).toEqual(new Map([[sink, 2]]))
    const [committed] = await log.committed([{ topic: source, partition: 0 }])
    expect(committed).toMatchObject({ offset: 3, metadata: 'commit 3' })
    const reading = new Reading(log, { topic: sink, partition: 1 }, 'earliest')
    expect((await reading.take(1))[0]?.value).toBe('kept')
    reading.reader.close()
    await world.member()
    await commitOne(log, source, 4)
  })

  it('is given all tasks when it is alone, and can leave and come back', async () => {
    const first = await world.member()
    expect(first.calls).toEqual([`assigned ${taskId(0, 0)} ${taskId(0, 1)}`])
    expect(first.membership?.rebalances).toBeGreaterThan(0)
    await first.membership?.leave()
    await first.membership?.ended
    expect([...(await world.member()).owned]).toEqual([taskId(0, 0), taskId(0, 1)])
  })

  it('answers for its health', () => {
    expect(world.log.health()).toEqual({ ok: true })
  })
}
