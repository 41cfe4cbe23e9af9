import { describe, expect, it } from 'vitest'
import { AskedLocks } from '../../src/threads/asked-locks.ts'
import { type Claim, TaskLocks } from '../../src/threads/task-locks.ts'

/** Threads that ask the one book, as they do by messages. */
function threadsOver(locks: TaskLocks, count: number): readonly AskedLocks[] {
  return Array.from({ length: count }, (_, index) => {
    const claims = new Map<number, Claim>()
    const asked: AskedLocks = new AskedLocks((kind, id, task) => {
      const claim = claims.get(id) ?? { thread: index + 1, grant: () => asked.granted(id) }
      claims.set(id, claim)
      if (kind === 'acquire') locks.acquire(task, claim)
      else locks.release(task, claim)
    })
    return asked
  })
}

async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const turn = new Promise<'pending'>((resolve) => setImmediate(() => resolve('pending')))
  return (await Promise.race([promise, turn])) === 'pending'
}

describe('the locks of tasks', () => {
  it('let one thread have a task at a time, in the order of asking', async () => {
    const [one, two, three] = threadsOver(new TaskLocks(), 3)
    const release = await one?.acquire('0_0')
    const second = two?.acquire('0_0') ?? Promise.reject(new Error('no thread'))
    const third = three?.acquire('0_0') ?? Promise.reject(new Error('no thread'))
    expect(await isPending(second)).toBe(true)
    release?.()
    const releaseSecond = await second
    expect(await isPending(third)).toBe(true)
    releaseSecond()
    await third
  })

  it('do not make threads wait for each other that want different tasks', async () => {
    const [one, two] = threadsOver(new TaskLocks(), 2)
    await one?.acquire('0_0')
    await two?.acquire('0_1')
  })

  it('are not kept for whoever has stopped waiting', async () => {
    const [one, two, three] = threadsOver(new TaskLocks(), 3)
    const release = await one?.acquire('0_0')
    const stop = new AbortController()
    const second = two?.acquire('0_0', stop.signal)
    const third = three?.acquire('0_0') ?? Promise.reject(new Error('no thread'))
    stop.abort(new Error('enough'))
    await expect(second).rejects.toThrow('enough')
    expect(await isPending(third)).toBe(true)
    release?.()
    await third
    await expect(one?.acquire('0_0', stop.signal)).rejects.toThrow('enough')
  })

  it('go back when a thread ends, those that it waits for too', async () => {
    const locks = new TaskLocks()
    const [one, two, three] = threadsOver(locks, 3)
    await one?.acquire('0_0')
    await two?.acquire('0_1')
    void two?.acquire('0_0')
    const third = three?.acquire('0_0') ?? Promise.reject(new Error('no thread'))
    locks.releaseAll(2)
    expect(await isPending(third)).toBe(true)
    await three?.acquire('0_1')
    locks.releaseAll(1)
    await third
  })
})
