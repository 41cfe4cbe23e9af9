/** `suppress` by itself: what it holds, what it lets go, and what it does when it is full. */
import { expect, it } from 'vitest'
import { SuppressOperator } from '../../src/operators/suppress.ts'
import { Change } from '../../src/processor/change.ts'
import { string } from '../../src/serde/primitives.ts'
import type { Serde } from '../../src/serde/serde.ts'
import { FakeContext } from '../simulation/fake-context.ts'
import { FakeState } from '../simulation/fake-state.ts'

const text = string() as Serde<unknown>
type Spec = ConstructorParameters<typeof SuppressOperator>[0]

const spec: Spec = {
  name: 'held',
  logged: true,
  key: text,
  value: text,
  from: 'record',
  waitMs: 10,
  recordsMax: Number.POSITIVE_INFINITY,
  bytesMax: Number.POSITIVE_INFINITY,
  whenFull: 'emit-early',
}

async function open(options: Partial<Spec> = {}, state = new FakeState()) {
  const context = new FakeContext({ state })
  const operator = new SuppressOperator({ ...spec, ...options })
  const rows: string[] = []
  operator.next = {
    process: (key, change, timestamp) => {
      const { newValue, oldValue } = change as Change<string>
      rows.push(`${key} ${oldValue}>${newValue} @${timestamp}`)
    },
  }
  await operator.init(context)
  const pipe = async (key: string, value: string | null, at: number): Promise<void> => {
    operator.process(key, new Change(value, null), at)
    await context.settle()
  }
  return { operator, rows, pipe }
}

it('lets the last change of a key go once its first has waited', async () => {
  const { rows, pipe } = await open()
  await pipe('a', '1', 100)
  await pipe('a', '2', 105)
  expect(rows).toEqual([])
  await pipe('b', '3', 110)
  expect(rows).toEqual(['a null>2 @105'])
})

it('holds on to it through a restart', async () => {
  const state = new FakeState()
  const before = await open({}, state)
  await before.pipe('a', '1', 100)
  before.operator.flush()
  state.seal()
  const after = await open({}, new FakeState(state.entries))
  expect(after.rows).toEqual([])
  await after.pipe('b', '2', 110)
  expect(after.rows).toEqual(['a null>1 @100'])
})

it('lets the oldest go early when it is full, or stops', async () => {
  const early = await open({ recordsMax: 1 })
  await early.pipe('a', '1', 100)
  await early.pipe('b', '2', 101)
  expect(early.rows).toEqual(['a null>1 @100'])
  const strict = await open({ recordsMax: 1, whenFull: 'stop' })
  await strict.pipe('a', '1', 100)
  await expect(strict.pipe('b', '2', 101)).rejects.toMatchObject({
    code: 'MILLRACE_SUPPRESS_FULL',
  })
})
