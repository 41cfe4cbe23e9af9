/** Commits and rebalances: who waits for whom, and who is refused. */
import { describe, expect, it } from 'vitest'
import { FencedError } from '../../src/errors.ts'
import { type TaskId, taskId } from '../../src/ids.ts'
import { CommitGate } from '../../src/kafka/commit-gate.ts'
import type { GroupIdentity } from '../../src/kafka/requests/offsets.ts'

const [a, b] = [taskId(0, 0), taskId(0, 1)] as const

function setUp() {
  const claims = new Set<TaskId>([a])
  return { claims, gate: new CommitGate((task) => claims.has(task)) }
}

function identity(generation: number): GroupIdentity {
  return { groupId: 'g', memberId: 'm', generation, instanceId: null }
}

describe('the commit gate', () => {
  it('lets a commit begin only when the generation is known', async () => {
    const { gate } = setUp()
    const entering = gate.enter(new Set([a]))
    gate.open(identity(4))
    expect((await entering).identity.generation).toBe(4)
  })

  it('refuses tasks that are not claimed, at once', async () => {
    const { gate } = setUp()
    await expect(gate.enter(new Set([a, b]))).rejects.toBeInstanceOf(FencedError)
  })

  it('closes when the commits inside are done', async () => {
    const { gate } = setUp()
    gate.open(identity(1))
    const pass = await gate.enter(new Set([a]))
    let isClosed = false
    const closing = gate.close(60_000).then(() => (isClosed = true))
    await new Promise((resolve) => setImmediate(resolve))
    expect(isClosed).toBe(false)
    pass.leave()
    await closing
  })

  it('does not wait for a stuck commit for ever', async () => {
    const { gate } = setUp()
    gate.open(identity(1))
    const pass = await gate.enter(new Set([a]))
    await gate.close(1)
    pass.leave()
  })

  it('gives an overtaken commit the next generation while its tasks stay', async () => {
    const { gate, claims } = setUp()
    gate.open(identity(1))
    const pass = await gate.enter(new Set([a]))
    await gate.close(1)
    const newer = pass.newer(1)
    gate.open(identity(2))
    expect((await newer)?.generation).toBe(2)
    expect(await pass.newer(2)).toBeUndefined()
    claims.delete(a)
    expect(await pass.newer(1)).toBeUndefined()
    pass.leave()
  })

  it('is not waited for by those who wait for the next generation', async () => {
    const { gate } = setUp()
    gate.open(identity(1))
    const pass = await gate.enter(new Set([a]))
    gate.shut()
    const newer = pass.newer(1)
    await gate.close(60_000)
    gate.open(identity(2))
    expect((await newer)?.generation).toBe(2)
    let isClosed = false
    const closing = gate.close(60_000).then(() => (isClosed = true))
    await new Promise((resolve) => setImmediate(resolve))
    expect(isClosed).toBe(false)
    pass.leave()
    await closing
  })

  it('lets nobody in, and tells of no generation, while it is shut', async () => {
    const { gate } = setUp()
    gate.open(identity(1))
    gate.shut()
    const entering = gate.enter(new Set([a]))
    gate.lose()
    await expect(entering).rejects.toBeInstanceOf(FencedError)
  })

  it('carries no commit over a loss, even if the same tasks come back', async () => {
    const { gate } = setUp()
    gate.open(identity(1))
    const pass = await gate.enter(new Set([a]))
    gate.lose()
    gate.open(identity(5))
    expect(await pass.newer(1)).toBeUndefined()
    pass.leave()
  })
})
