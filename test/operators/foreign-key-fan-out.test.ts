/** A right row that very many left ones want: told in slices, each of them once. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { FanOutOperator } from '../../src/operators/foreign-key-fan-out.ts'
import { AnswerSinkOperator } from '../../src/operators/foreign-key-sink.ts'
import type { ForeignKeyJoinSpec } from '../../src/operators/foreign-key-specs.ts'
import { foreignKeyDefinition, prefixOf } from '../../src/operators/foreign-key-store.ts'
import { Change } from '../../src/processor/change.ts'
import { string } from '../../src/serde/primitives.ts'
import type { Serde } from '../../src/serde/serde.ts'
import type { KeyValueState, StoreDefinition, TaskState } from '../../state/contract.ts'
import { openStateDirectory } from '../../state/index.ts'
import { FakeContext } from '../simulation/fake-context.ts'

const text = string() as Serde<unknown>
const rows = { name: 'rows', key: text, value: text, logged: true }
const side = { view: { kind: 'rows', spec: rows }, key: text, value: text, isVersioned: false }
const spec = {
  isLeft: false,
  foreignKey: () => '',
  joiner: () => null,
  left: side,
  right: side,
  registration: 'registration',
  response: 'response',
  store: 'subscribers',
} as ForeignKeyJoinSpec

const subscribers = 100_000
const sliceMax = 1_000

/** A task with a state on disk. */
class DiskContext extends FakeContext {
  readonly #state: TaskState

  constructor(state: TaskState) {
    super()
    this.#state = state
  }

  override store<V>(definition: StoreDefinition<V>): KeyValueState<V> {
    return this.#state.store(definition)
  }
}

async function begin(state: TaskState): Promise<[FanOutOperator, DiskContext]> {
  const context = new DiskContext(state)
  const operator = new FanOutOperator(spec)
  const sink = new AnswerSinkOperator(spec.response)
  sink.init(context)
  operator.next = sink
  await operator.init(context)
  return [operator, context]
}

async function commit(operator: FanOutOperator, state: TaskState, number: number): Promise<void> {
  operator.flush()
  state.seal()
  await state.write({ commitNumber: number, changelogs: {} })
}

it('bounds each step, goes on after a crash, and tells everybody once', async () => {
  const path = mkdtempSync(join(tmpdir(), 'millrace-fan-out-'))
  const directory = await openStateDirectory(join(path, 'state'))
  onTestFinished(async () => {
    await directory.close()
    rmSync(path, { recursive: true, force: true })
  })
  const state = await directory.open('0_0')
  const store = state.store(foreignKeyDefinition(spec.store))
  const keyOf = (n: number): string => `order-${String(n).padStart(6, '0')}`
  for (let n = 0; n < subscribers; n++) {
    store.put(prefixOf('apple') + keyOf(n), { hash: 'h', partition: 0 })
  }
  store.put(`${prefixOf('pear')}order`, { hash: 'h', partition: 0 })
  let [operator, context] = await begin(state)
  await commit(operator, state, 1)

  operator.process('apple', new Change('Apple', null), 7)
  operator.process('pear', new Change(null, 'Pear'), 8)
  const told: string[] = []
  let uncommitted: string[] = []
  for (let step = 1; context.hasWork; step++) {
    await context.step()
    const sent = context.takeSent().map(({ key }) => Buffer.from(key ?? []).toString())
    expect(sent.length).toBeLessThanOrEqual(sliceMax)
    uncommitted.push(...sent)
    if (step % 7 === 3) {
      await commit(operator, state, step + 1)
      told.push(...uncommitted)
      uncommitted = []
    } else if (step % 31 === 0) {
      // What was not committed did not happen.
      uncommitted = []
      state.rollback()
      ;[operator, context] = await begin(state)
    }
  }
  told.push(...uncommitted)
  expect(told.length).toBe(subscribers + 1)
  expect(new Set(told).size).toBe(subscribers + 1)
  expect(told.at(-1)).toBe('order')
  await commit(operator, state, 1_000)
  const [, after] = await begin(state)
  expect(after.hasWork).toBe(false)
})
