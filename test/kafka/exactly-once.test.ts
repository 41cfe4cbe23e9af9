/**
 * Commits on a real broker while everything goes wrong: zombies, lost answers, killed members, late
 * markers. A killed member is one whose connections are cut for good.
 */
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { AbortedError, FencedError } from '../../src/errors.ts'
import { type TaskId, taskId } from '../../src/ids.ts'
import { fenceAll } from '../../src/kafka/fencing.ts'
import { KafkaLog } from '../../src/kafka/kafka-log.ts'
import { Member as GroupMember } from '../../src/kafka/member.ts'
import { silentLogger } from '../../src/log.ts'
import type { CommitReceipt } from '../../src/runtime/ports.ts'
import { FaultyCluster } from '../support/faulty-cluster.ts'
import {
  bytes,
  createTopic,
  Member,
  Reading,
  tasksOver,
  textOf,
  textRecord,
} from '../support/log-port-tools.ts'
import { sharedBroker } from '../support/shared-broker.ts'

const group = { sessionMs: 3_000, heartbeatMs: 100, rebalanceMs: 10_000 }

class Instance {
  readonly log: KafkaLog
  readonly cluster: FaultyCluster
  readonly member = new Member()
  #isDead = false

  constructor(log: KafkaLog, cluster: FaultyCluster) {
    this.log = log
    this.cluster = cluster
  }

  /** As SIGKILL does. */
  kill(): void {
    this.#isDead = true
    this.cluster.close()
  }

  /** Killed at the very end of this commit: its transaction is left open. */
  async dieCommitting(number: number, partition: number): Promise<void> {
    this.cluster.rule('EndTxn', 'hold')
    const ends = this.cluster.seen('EndTxn')
    const dangling = this.commit(number, partition, 'never')
    await this.cluster.untilSeen('EndTxn', ends + 1)
    this.kill()
    await expect(dangling).rejects.toThrow()
  }

  async end(): Promise<void> {
    for (const name of ['Heartbeat', 'EndTxn', 'JoinGroup']) this.cluster.lift(name)
    if (!this.#isDead) await this.log.close()
  }

  /** One record and the offset `number`, for the task of this partition of the source. */
  commit(number: number, partition: number, value: string): Promise<CommitReceipt> {
    const batch = this.log.createBatch()
    batch.append(world.sink, 0, number, null, bytes(value))
    const task = taskId(0, partition)
    const at = { topic: world.source, partition, task }
    const offsets = [{ ...at, offset: number, metadata: `commit ${number}` }]
    return this.log.commit({ batch, offsets, number })
  }
}

const world = {
  applicationId: '',
  source: '',
  sink: '',
  directory: '',
  transactions: undefined as 1 | undefined,
  instances: [] as Instance[],

  async start(
    name: string,
    more: { transactionTimeoutMs?: number; instanceId?: string; thread?: number } = {}
  ): Promise<Instance> {
    const options = { brokers: await sharedBroker(), clientId: name, logger: silentLogger }
    const cluster = new FaultyCluster(options)
    cluster.transactions = world.transactions
    cluster.hopelessMs = 500
    const log = await KafkaLog.connect(
      {
        ...options,
        ...more,
        applicationId: world.applicationId,
        instance: name,
        stateDirectory: join(world.directory, name),
        fetchWaitMs: 50,
        group,
      },
      cluster,
      // In this thread, where its requests can be held up too.
      (settings, events) => {
        const fence = (ids: readonly string[]) =>
          fenceAll(cluster, ids, 3_000, { warn: () => undefined })
        return new GroupMember(settings, { cluster, fence }, events)
      }
    )
    const instance = new Instance(log, cluster)
    world.instances.push(instance)
    return instance
  },

  async join(instance: Instance, tasks: number): Promise<void> {
    await instance.member.join(instance.log, tasksOver(world.source, 2))
    await instance.member.until((owned) => owned.size === tasks)
  },

  /** What readers of committed records see in the sink, up to its end. */
  async visible(instance: Instance): Promise<(string | null)[]> {
    const reading = new Reading(instance.log, { topic: world.sink, partition: 0 }, 'earliest')
    const { reader } = reading
    const seen: (string | null)[] = []
    for (;;) {
      const sign = reading.sign()
      while (reader.advance()) seen.push(textOf(reader.value))
      if (reader.answer !== undefined && reader.position === reader.answer.highWatermark) break
      await sign
    }
    reader.close()
    return seen
  },
}

beforeEach(async () => {
  const name = randomUUID().slice(0, 8)
  world.applicationId = `eos-${name}`
  world.source = `eos-source-${name}`
  world.sink = `eos-sink-${name}`
  world.directory = await mkdtemp(join(tmpdir(), 'millrace-eos-'))
  const first = await world.start('first', { transactionTimeoutMs: 60_000 })
  await createTopic(first.log, world.source, 2)
  await createTopic(first.log, world.sink, 1)
})

afterEach(async () => {
  for (const instance of world.instances.splice(0)) await instance.end()
  await rm(world.directory, { recursive: true, force: true })
})

function first(): Instance {
  const [instance] = world.instances
  if (instance === undefined) throw new Error('the first instance was started')
  return instance
}

async function committedNumber(instance: Instance, partition = 0): Promise<number | undefined> {
  const [found] = await instance.log.committed([{ topic: world.source, partition }])
  return found?.offset
}

describe.each([1, 2] as const)('with transactions of version %i', (version) => {
  beforeAll(() => {
    world.transactions = version === 1 ? 1 : undefined
  })

  describe('a commit without an answer', () => {
    it('is resolved as done if it was carried out', async () => {
      const a = first()
      await world.join(a, 2)
      await a.commit(1, 0, 'one')
      a.cluster.rule('EndTxn', 'mute')
      const receipt = await a.commit(2, 0, 'two')
      expect(receipt.endOffset(world.sink, 0)).toBeGreaterThan(1)
      a.cluster.lift('EndTxn')
      await a.commit(3, 0, 'three')
      expect(await world.visible(a)).toEqual(['one', 'two', 'three'])
      expect(await committedNumber(a)).toBe(3)
    })

    it('is resolved as not done if it never arrived, and the next one works', async () => {
      const a = first()
      await world.join(a, 2)
      await a.commit(1, 0, 'one')
      a.cluster.rule('EndTxn', 'lose')
      await expect(a.commit(2, 0, 'never')).rejects.toBeInstanceOf(AbortedError)
      a.cluster.lift('EndTxn')
      expect(await committedNumber(a)).toBe(1)
      await a.commit(2, 0, 'two')
      expect(await world.visible(a)).toEqual(['one', 'two'])
    })

    it('is resolved by the committed offsets if the broker fails at its end', async () => {
      const a = first()
      await world.join(a, 2)
      a.cluster.rule('EndTxn', 'stumble')
      await a.commit(1, 0, 'one')
      a.cluster.rule('EndTxn', 'fall')
      await expect(a.commit(2, 0, 'never')).rejects.toBeInstanceOf(AbortedError)
      a.cluster.lift('EndTxn')
      await a.commit(2, 0, 'two')
      expect(await world.visible(a)).toEqual(['one', 'two'])
    })

    it('is aborted before its end if the offsets cannot be sent', async () => {
      const a = first()
      await world.join(a, 2)
      a.cluster.rule('TxnOffsetCommit', 'mute')
      await expect(a.commit(1, 0, 'never')).rejects.toBeInstanceOf(AbortedError)
      a.cluster.lift('TxnOffsetCommit')
      await a.commit(2, 0, 'two')
      expect(await world.visible(a)).toEqual(['two'])
    })
  })

  describe('a member that is gone', () => {
    it('hands its tasks over, and its open transaction is aborted at once', async () => {
      const a = first()
      const b = await world.start('second')
      await world.join(a, 2)
      await b.member.join(b.log, tasksOver(world.source, 2))
      await b.member.until((owned) => owned.size === 1)
      const moved = [0, 1].find((partition) => a.member.owned.has(taskId(0, partition))) ?? 0
      await a.commit(1, moved, 'one')
      await a.dieCommitting(2, moved)
      await b.member.until((owned) => owned.size === 2)
      const before = performance.now()
      expect(await committedNumber(b, moved)).toBe(1)
      // Its transaction would have stayed open for a minute.
      expect(performance.now() - before).toBeLessThan(30_000)
      await b.commit(2, moved, 'two')
      expect(await world.visible(b)).toEqual(['one', 'two'])
    })

    it('is cleaned up after by its own successor when it was alone', async () => {
      const a = first()
      await world.join(a, 2)
      await a.commit(1, 0, 'one')
      await a.dieCommitting(2, 0)
      const again = await world.start('first')
      expect(await committedNumber(again)).toBe(1)
      expect(await world.visible(again)).toEqual(['one'])
      await world.join(again, 2)
      await again.commit(2, 0, 'two')
    })

    it('is cleaned up after by a successor with fewer threads', async () => {
      const a = await world.start('b', { thread: 2, transactionTimeoutMs: 60_000 })
      await world.join(a, 2)
      await a.commit(1, 0, 'one')
      await a.dieCommitting(2, 0)
      const again = await world.start('b')
      expect(await committedNumber(again)).toBe(1)
      expect(await world.visible(again)).toEqual(['one'])
    })

    it('is cleaned up after by whoever takes its place, on another disk too', async () => {
      const instanceId = 'pod-0'
      const a = await world.start('a', { instanceId, transactionTimeoutMs: 60_000 })
      await world.join(a, 2)
      await a.commit(1, 0, 'one')
      await a.dieCommitting(2, 0)
      const again = await world.start('a-again', { instanceId })
      expect(await committedNumber(again)).toBe(1)
      await world.join(again, 2)
      await again.commit(2, 0, 'two')
      expect(await world.visible(again)).toEqual(['one', 'two'])
    })

    it('cannot commit once another process has its instance id', async () => {
      const instanceId = 'pod-0'
      const a = await world.start('a', { instanceId })
      await world.join(a, 2)
      await a.commit(1, 0, 'one')
      // As a frozen process: it sends nothing by itself any more.
      a.cluster.rule('Heartbeat', 'hold')
      const twin = await world.start('twin', { instanceId })
      await world.join(twin, 2)
      await twin.commit(2, 0, 'two')
      a.cluster.lift('Heartbeat')
      await expect(a.commit(2, 0, 'zombie')).rejects.toThrow()
      await expect(a.member.membership?.ended).rejects.toMatchObject({
        code: 'MILLRACE_INSTANCE_FENCED',
      })
      // What it still asks for under their common name may undo one commit, not another.
      a.kill()
      await twin.commit(3, 0, 'three').catch(() => twin.commit(3, 0, 'three'))
      expect(await world.visible(twin)).toEqual(['one', 'two', 'three'])
    })

    it('is refused as a zombie when it comes back, and joins again', async () => {
      const a = first()
      const b = await world.start('second')
      await world.join(a, 2)
      await a.commit(1, 0, 'one')
      a.cluster.rule('Heartbeat', 'hold')
      a.cluster.rule('JoinGroup', 'hold')
      const joining = b.member.join(b.log, tasksOver(world.source, 2))
      await joining
      await b.member.until((owned) => owned.size === 2)
      await b.commit(2, 0, 'two')
      // Its heartbeats get through again, and its commit before the answer to them.
      a.cluster.rule('Heartbeat', 'mute')
      await expect(a.commit(2, 0, 'zombie')).rejects.toBeInstanceOf(FencedError)
      a.cluster.lift('Heartbeat')
      a.cluster.lift('JoinGroup')
      await a.member.untilCalled('lost')
      await a.member.until((owned) => owned.size === 1)
      expect(await world.visible(b)).toEqual(['one', 'two'])
    })
  })

  describe('a rebalance', () => {
    it('commits what stays while a revocation takes its time', async () => {
      const a = first()
      await world.join(a, 2)
      let number = 0
      a.member.onRevoking = async ([task]) => {
        const kept = [0, 1].find((partition) => taskId(0, partition) !== task) ?? 0
        // The revocation waits for what stays, which must not wait for it.
        while (number < 3) await a.commit(++number, kept, `${number}`)
      }
      const b = await world.start('second')
      await b.member.join(b.log, tasksOver(world.source, 2))
      await b.member.until((owned) => owned.size === 1)
      expect(await world.visible(b)).toEqual(['1', '2', '3'])
      expect(a.member.calls).not.toContain('lost')
    })

    it('lets a revoked task commit before it moves, and the others commit all along', async () => {
      const a = first()
      await world.join(a, 2)
      let number = 1
      let revoked: TaskId | undefined
      let turn: Promise<unknown> = Promise.resolve()
      const inTurn = <T>(run: () => Promise<T>): Promise<T> => {
        const next = turn.then(run, run)
        turn = next
        return next
      }
      a.member.onRevoking = async ([task]) => {
        revoked = task
        const partition = Number(task?.split('_')[1])
        await inTurn(() => a.commit(1_000, partition, 'last'))
      }
      const b = await world.start('second')
      let isOver = false
      const committing = (async () => {
        while (!isOver) {
          const kept = [0, 1].filter((partition) => taskId(0, partition) !== revoked)
          await inTurn(() => a.commit(number, kept[0] ?? 0, `${number}`))
          number++
        }
      })()
      await b.member.join(b.log, tasksOver(world.source, 2))
      await b.member.until((owned) => owned.size === 1)
      const [moved] = [...b.member.owned]
      expect(moved).toBe(revoked)
      expect(await committedNumber(b, Number(moved?.split('_')[1]))).toBe(1_000)
      isOver = true
      await committing
      expect(number).toBeGreaterThan(2)
      expect(a.member.calls.filter((call) => call.startsWith('revoked')).length).toBe(1)
      expect(a.member.calls).not.toContain('lost')
    })
  })

  describe('a restore', () => {
    it('waits for the markers of what was written before it began', async () => {
      const a = first()
      await world.join(a, 2)
      await a.commit(1, 0, 'one')
      // As seen by a reader, a commit whose marker is late is a transaction that is still open.
      a.cluster.rule('EndTxn', 'hold')
      const ends = a.cluster.seen('EndTxn')
      const late = a.commit(2, 0, 'late')
      await a.cluster.untilSeen('EndTxn', ends + 1)
      const b = await world.start('second')
      const seen: (string | null)[] = []
      let isRestored = false
      let onFlush: () => void = () => undefined
      const flushed = new Promise<void>((resolve) => (onFlush = resolve))
      const restoring = b.log
        .restore({ topic: world.sink, partition: 0 }, 'earliest', {
          signal: new AbortController().signal,
          apply: ({ value }) => seen.push(textOf(value)),
          flush: () => onFlush(),
        })
        .then(() => (isRestored = true))
      await flushed
      await b.cluster.untilSeen('Fetch', b.cluster.seen('Fetch') + 3)
      expect([seen, isRestored]).toEqual([['one'], false])
      a.cluster.lift('EndTxn')
      await late
      await restoring
      expect(seen).toEqual(['one', 'late'])
    })

    it('reads on when the partition is written by others meanwhile', async () => {
      const a = first()
      await a.log.append(world.sink, [textRecord('x'), textRecord('y')])
      const seen: (string | null)[] = []
      const reached = await a.log.restore({ topic: world.sink, partition: 0 }, 'earliest', {
        signal: new AbortController().signal,
        apply: ({ value }) => seen.push(textOf(value)),
        flush: () => undefined,
      })
      expect([seen, reached]).toEqual([['x', 'y'], 2])
    })
  })
})
