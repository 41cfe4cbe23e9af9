/** Calls to the listener: one at a time, and always towards the assignment of that moment. */
import { describe, expect, it } from 'vitest'
import { FencedError } from '../../src/errors.ts'
import { type TaskId, taskId } from '../../src/ids.ts'
import { TaskLedger } from '../../src/kafka/task-ledger.ts'

const [a, b, c] = [taskId(0, 0), taskId(0, 1), taskId(0, 2)] as const

interface Call {
  readonly name: string
  readonly tasks: readonly TaskId[]
  readonly finish: (error?: unknown) => void
}

/** A listener whose every call stays open until the test finishes it. */
function setUp() {
  const calls: Call[] = []
  const failures: unknown[] = []
  let arrived: () => void = () => undefined
  const record = (name: string, tasks: readonly TaskId[]): Promise<void> =>
    new Promise((resolve, reject) => {
      const finish = (error?: unknown): void => (error === undefined ? resolve() : reject(error))
      calls.push({ name, tasks, finish })
      arrived()
    })
  const ledger = new TaskLedger(
    {
      onAssigned: (tasks) => record('assigned', tasks),
      onRevoked: (tasks) => record('revoked', tasks),
      onLost: () => record('lost', []),
    },
    (cause) => failures.push(cause)
  )
  const call = async (count: number): Promise<Call> => {
    while (calls.length < count) await new Promise<void>((resolve) => (arrived = resolve))
    return calls[count - 1] as Call
  }
  const idle = async (): Promise<void> => {
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
  }
  return { ledger, calls, failures, call, idle }
}

describe('the task ledger', () => {
  it('claims a task from its assignment to the end of its revocation', async () => {
    const { ledger, call, idle } = setUp()
    ledger.assign([a, b])
    expect(ledger.claims()).toEqual([a, b])
    ;(await call(1)).finish()
    ledger.assign([a])
    const gone = ledger.givenUp([b])
    let isGone = false
    void gone.then(() => (isGone = true))
    const revoked = await call(2)
    expect(revoked).toMatchObject({ name: 'revoked', tasks: [b] })
    await idle()
    expect([ledger.claims(), isGone]).toEqual([[a, b], false])
    revoked.finish()
    await gone
    expect(ledger.claims()).toEqual([a])
  })

  it('says when the listener knows what is ours, also nothing; not after a loss', async () => {
    const { ledger, call, idle } = setUp()
    expect(ledger.isTold).toBe(false)
    ledger.assign([a])
    const first = await call(1)
    expect(ledger.isTold).toBe(false)
    first.finish()
    await idle()
    expect(ledger.isTold).toBe(true)
    const losing = ledger.lose()
    expect(ledger.isTold).toBe(false)
    ;(await call(2)).finish()
    await losing
    expect(ledger.isTold).toBe(false)
    ledger.assign([])
    await idle()
    expect(ledger.isTold).toBe(true)
  })

  it('makes one call at a time and skips assignments that were overtaken', async () => {
    const { ledger, calls, call, idle } = setUp()
    ledger.assign([a])
    const first = await call(1)
    ledger.assign([a, b])
    ledger.assign([a, c])
    await idle()
    expect(calls.length).toBe(1)
    first.finish()
    expect(await call(2)).toMatchObject({ name: 'assigned', tasks: [c] })
  })

  it('gives a task back that was assigned again while it was being revoked', async () => {
    const { ledger, call } = setUp()
    ledger.assign([a])
    ;(await call(1)).finish()
    ledger.assign([])
    const revoked = await call(2)
    ledger.assign([a])
    revoked.finish()
    expect(await call(3)).toMatchObject({ name: 'assigned', tasks: [a] })
  })

  it('claims nothing after a loss, and tells the listener after the call under way', async () => {
    const { ledger, call } = setUp()
    ledger.assign([a, b])
    const first = await call(1)
    const lost = ledger.lose()
    expect([ledger.claims(), ledger.isClaimed(a)]).toEqual([[], false])
    first.finish()
    const second = await call(2)
    expect(second.name).toBe('lost')
    second.finish()
    await lost
    ledger.assign([b])
    expect(await call(3)).toMatchObject({ name: 'assigned', tasks: [b] })
  })

  it('tells nobody of a loss when there was nothing to lose', async () => {
    const { ledger, calls } = setUp()
    await ledger.lose()
    expect(calls).toEqual([])
  })

  it('takes a fenced revocation for done, and anything else for a failure', async () => {
    const { ledger, call, failures, idle } = setUp()
    ledger.assign([a])
    ;(await call(1)).finish()
    ledger.assign([])
    ;(await call(2)).finish(new FencedError('MILLRACE_TEST', 'fenced'))
    ledger.assign([b])
    const broken = new Error('broken')
    ;(await call(3)).finish(broken)
    await idle()
    expect(failures).toEqual([broken])
  })
})
