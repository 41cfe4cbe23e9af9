/** Claims about commits and appends that fail: nothing is acknowledged that was not stored. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../src/clock.ts'
import { AbortedError, FatalError, FencedError } from '../../src/errors.ts'
import { EmbeddedLog } from '../../src/log/embedded-log.ts'
import { LogEngine } from '../../src/log/engine.ts'
import { EmbeddedBatch } from '../../src/log/output-batch.ts'
import { memoryStorage, type Storage } from '../../src/log/storage.ts'
import { silentLogger } from '../../src/log.ts'
import { compileRooms } from '../support/compiled.ts'
import {
  bytes,
  commitOne,
  createTopic,
  Member,
  tasksOver,
  textOf,
  textRecord,
} from '../support/log-port-tools.ts'

async function started(): Promise<EmbeddedLog> {
  const log = EmbeddedLog.inMemory({ clock: new ManualClock(0) })
  await createTopic(log, 'in', 1)
  await createTopic(log, 'out', 1)
  return log
}

async function joined(log: EmbeddedLog): Promise<EmbeddedLog> {
  const client = log.client()
  await new Member().join(client, tasksOver('in', 1))
  await client.balanced()
  return client
}

function commit(client: EmbeddedLog, number: number): Promise<unknown> {
  return commitOne(client, 'in', number, (batch) =>
    batch.append('out', 0, number, null, bytes(`${number}`))
  )
}

async function outputs(log: EmbeddedLog): Promise<unknown> {
  const [committed] = log.inspect().committed()
  const records = log.inspect().recordsInMemory('out')
  return { committed: committed?.offset, values: records.map(({ value }) => textOf(value)) }
}

describe('a fault on order', () => {
  it.each([
    ['abort', AbortedError],
    ['fence', FencedError],
    ['fatal', FatalError],
  ] as const)('%s refuses one commit, of which nothing happens', async (fault, type) => {
    const log = await started()
    const client = await joined(log)
    log.faults.failCommit(fault, 1)
    await commit(client, 1)
    await expect(commit(client, 2)).rejects.toBeInstanceOf(type)
    expect(await outputs(log)).toEqual({ committed: 1, values: ['1'] })
    await commit(client, 3)
    expect(await outputs(log)).toEqual({ committed: 3, values: ['1', '3'] })
  })

  it.each([
    ['crash-before', { committed: 1, values: ['1'] }],
    ['crash-after', { committed: 2, values: ['1', '2'] }],
  ] as const)(
    '%s ends the client, and its successor goes on from what was stored',
    async (fault, expected) => {
      const log = await started()
      const client = await joined(log)
      await commit(client, 1)
      log.faults.failCommit(fault)
      await expect(commit(client, 2)).rejects.toMatchObject({ code: 'MILLRACE_CLIENT_CRASHED' })
      expect(client.health().ok).toBe(false)
      expect(await outputs(log)).toEqual(expected)
      const successor = await joined(log)
      await commit(successor, 3)
      expect(await outputs(log)).toMatchObject({ committed: 3 })
      expect(successor.health()).toEqual({ ok: true })
    }
  )

  it('refuses one append, and nothing of it is stored', async () => {
    const log = await started()
    log.faults.failAppend()
    await expect(log.append('out', [textRecord('never')])).rejects.toBeInstanceOf(AbortedError)
    await log.append('out', [textRecord('yes')])
    expect(await outputs(log)).toMatchObject({ values: ['yes'] })
  })
})

describe('a commit', () => {
  it('handed over before its client crashed is still decided before others look', async () => {
    const log = await started()
    const client = await joined(log)
    const under = commit(client, 1)
    await Promise.resolve()
    client.crash()
    const refused = expect(under).rejects.toMatchObject({ code: 'MILLRACE_CLIENT_CRASHED' })
    const at = { topic: 'in', partition: 0 }
    expect(await log.client().committed([at])).toMatchObject([{ offset: 1 }])
    await refused
  })

  it('to a topic that does not exist is refused, naming it', async () => {
    const client = await joined(await started())
    const lost = commitOne(client, 'in', 1, (batch) => batch.append('lost', 0, 1, null, null))
    await expect(lost).rejects.toMatchObject({ code: 'MILLRACE_TOPIC_MISSING' })
    const far = commitOne(client, 'in', 1, (batch) => batch.append('out', 7, 1, null, null))
    await expect(far).rejects.toThrow('partition 7 of topic out')
    expect(client.health()).toEqual({ ok: true })
  })

  it('takes 4,096 bytes of metadata, and not one more', async () => {
    const log = await started()
    const client = await joined(log)
    const task = tasksOver('in', 1)[0]
    if (task === undefined) throw new Error('no task')
    const send = (metadata: string): Promise<unknown> =>
      client.commit({
        batch: client.createBatch(),
        offsets: [{ topic: 'in', partition: 0, task: task.id, offset: 1, metadata }],
        number: 1,
      })
    await send('é'.repeat(2_048))
    await expect(send('é'.repeat(2_049))).rejects.toMatchObject({
      code: 'MILLRACE_OFFSET_METADATA_TOO_LARGE',
    })
  })

  it('refuses a timestamp that is no whole number at once', async () => {
    const batch = (await started()).createBatch()
    expect(() => batch.append('out', 0, 1.5, null, null)).toThrow(TypeError)
    expect(() => batch.append('out', 0, Number.NaN, null, null)).toThrow(TypeError)
    batch.append('out', 0, -1, null, null)
    expect(batch.records).toBe(1)
  })
})

describe('storage that fails', () => {
  it('ends all writing: what waits is refused with the path, and not seen', async () => {
    let isFull = false
    let writes = 0
    const storage: Storage = {
      ...memoryStorage,
      path: '/data/log',
      write: async () => {
        if (isFull) throw new Error('No space left on device')
        writes++
      },
    }
    const engine = new LogEngine({
      storage,
      clock: new ManualClock(0),
      logger: silentLogger,
      tailBytesMax: 1_000,
      entries: { topics: [], partitions: [], offsets: [] },
      batches: 0,
    })
    await engine.prepare([{ name: 'in', role: 'source', create: false }])
    const write = (): Promise<unknown> => {
      const batch = new EmbeddedBatch()
      batch.append('in', 0, 1, null, bytes('v'))
      return engine.writer.write({ batch })
    }
    await Promise.all([write(), write(), write()])
    expect(writes).toBe(2)
    isFull = true
    const results = await Promise.allSettled([write(), write()])
    isFull = false
    results.push(...(await Promise.allSettled([write()])))
    for (const result of results) {
      expect(result).toMatchObject({
        status: 'rejected',
        reason: { code: 'MILLRACE_LOG_UNWRITABLE', name: 'FatalError' },
      })
    }
    expect(engine.writer.broken?.message).toMatch(/\/data\/log failed: No space left on device/)
    expect(engine.partition({ topic: 'in', partition: 0 }).end).toBe(3)
    expect(writes).toBe(2)
  })

  it('on a real disk that takes no more, loses nothing that was acknowledged', async () => {
    const compiled = compileRooms(['src/log', 'src/serde/murmur2.ts'])
    const path = join(mkdtempSync(join(tmpdir(), 'millrace-log-')), 'log')
    const script = `
      import { EmbeddedLog } from ${JSON.stringify(join(compiled, 'src/log/embedded-log.js'))}
      const log = await EmbeddedLog.open({ path: ${JSON.stringify(path)} })
      await log.prepare([{ name: 'in', role: 'source', create: false }])
      let n = 0
      try {
        for (;;) {
          await log.append('in', [{ timestamp: n, key: null, value: Buffer.alloc(40_000, n) }])
          n++
        }
      } catch (error) {
        await log.close()
        const { code, message } = error
        console.log(JSON.stringify({ n, code, message, ...log.health() }))
      }`
    // A bound on the size of a file stands in for a full disk: LevelDB's write fails half way.
    const limited = 'trap "" XFSZ; ulimit -f 1000; exec "$0" --input-type=module -e "$1"'
    const child = spawn('bash', ['-c', limited, process.execPath, script], {
      cwd: compiled,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const chunks: Buffer[] = []
    child.stdout.on('data', (data: Buffer) => chunks.push(data))
    await once(child, 'close')
    const said: { n: number; code: string; message: string; ok: boolean } = JSON.parse(
      Buffer.concat(chunks).toString()
    )
    expect(said).toMatchObject({ code: 'MILLRACE_LOG_UNWRITABLE', ok: false })
    expect(said.message).toContain(path)
    expect(said.n).toBeGreaterThan(5)
    const log = await EmbeddedLog.open({ path })
    const records = await log.inspect().records('in')
    expect(records.length).toBeGreaterThanOrEqual(said.n)
    for (const [i, { value }] of records.entries()) expect(value?.[0]).toBe(i & 255)
    await log.append('in', [textRecord('again')])
    await log.close()
    rmSync(compiled, { recursive: true, force: true })
    rmSync(join(path, '..'), { recursive: true, force: true })
  })
})
