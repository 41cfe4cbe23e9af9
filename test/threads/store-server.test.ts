import { describe, expect, it } from 'vitest'
import { taskId } from '../../src/ids.ts'
import type { ReadableStore } from '../../src/processor/readable.ts'
import type { StorePart } from '../../src/runtime/store-parts.ts'
import { string } from '../../src/serde/primitives.ts'
import type { Serde } from '../../src/serde/serde.ts'
import type { ReadAnswer } from '../../src/threads/messages.ts'
import { fromPlainRow, toPlainQuery } from '../../src/threads/plain-rows.ts'
import { StoreServer } from '../../src/threads/store-server.ts'

const store: ReadableStore = {
  ...{ name: 'counts', kind: 'key-value' },
  key: string() as Serde<unknown>,
}
const query = toPlainQuery(store, {})
const task = taskId(0, 1)
const open = { kind: 'open', id: 7, store: 'counts', task } as const

/** A part whose row says which of its commits it is read at. */
function openWorld() {
  const part = { state: 'here' as StorePart['state'], commits: 1, isBehind: false, opened: 0 }
  let finish: (failure?: Error) => void = () => {}
  const parts: readonly StorePart[] = [
    {
      ...{ task, partition: 1 },
      get state() {
        return part.state
      },
      shown() {
        if (!part.isBehind) return undefined
        return new Promise((resolve, reject) => {
          finish = (failure) => (failure === undefined ? resolve() : reject(failure))
        })
      },
      open() {
        part.opened++
        const value = part.commits
        return { find: () => rows(value), close: () => void part.opened-- }
      },
    },
  ]
  const answers: ReadAnswer[] = []
  const server = new StoreServer({
    ...{ readable: [store], partsOf: () => parts },
    answer: (answer) => void answers.push(answer),
  })
  return { part, server, answers, commit: (failure?: Error) => finish(failure) }
}

async function* rows(value: number) {
  yield { key: 'ann', value }
}

function valuesOf(answers: readonly ReadAnswer[]): readonly unknown[] {
  return answers.flatMap((answer) =>
    answer.kind === 'rows' ? answer.rows.map((row) => fromPlainRow(store, row).value) : []
  )
}

/** All that was begun has gone as far as it can. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

describe('stores that are read for another thread', () => {
  it('are read at once where each commit is written', async () => {
    const { server, answers, part } = openWorld()
    server.take(open)
    server.take({ kind: 'find', id: 7, query })
    await settled()
    expect(valuesOf(answers)).toEqual([1])
    server.take({ kind: 'shut', id: 7 })
    expect(part.opened).toBe(0)
  })

  it.each([
    ['done', undefined],
    ['undone', new Error('aborted')],
  ])('are read when what was kept is written, once the commit is %s', async (_, failure) => {
    const { server, answers, part, commit } = openWorld()
    part.isBehind = true
    server.take(open)
    server.take({ kind: 'find', id: 7, query })
    await settled()
    expect(answers).toEqual([])
    Object.assign(part, { commits: 2, isBehind: false })
    commit(failure)
    await settled()
    expect(valuesOf(answers)).toEqual([2])
  })

  it('are not opened for whoever has gone meanwhile', async () => {
    const { server, answers, part, commit } = openWorld()
    part.isBehind = true
    server.take(open)
    server.take({ kind: 'shut', id: 7 })
    commit()
    await settled()
    expect([answers, part.opened]).toEqual([[], 0])
  })

  it('are refused when they have moved meanwhile', async () => {
    const { server, answers, part, commit } = openWorld()
    part.isBehind = true
    server.take(open)
    server.take({ kind: 'find', id: 7, query })
    part.state = 'elsewhere'
    commit()
    await settled()
    expect(answers).toMatchObject([{ kind: 'refused', error: { code: 'MILLRACE_STORE_MOVED' } }])
    expect(part.opened).toBe(0)
  })
})
