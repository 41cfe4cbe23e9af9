/** Joins of streams, and of streams with tables. */
import { within } from '../../../src/index.ts'
import { CaseError } from '../case.ts'
import { joiner, keySelector } from '../functions/mappers.ts'
import type { AnyKey, AnyValue } from '../functions/text.ts'
import { joinable } from './rekeyed.ts'
import { caseKeys, caseValues, inputTopic } from './serdes.ts'
import { type Kinds, ms, type Operators } from './world.ts'

const kinds = { inner: 'join', left: 'leftJoin', outer: 'outerJoin' } as const

export const joins: Operators = {
  globalTable(world, fields) {
    const name = fields.text('topic')
    world.inputs.add(name)
    const table = world.builder.globalTable(inputTopic(name), world.storeOf(fields))
    world.put(fields.id, 'globalTable', table as unknown as Kinds['globalTable'])
  },
  joinGlobal(world, fields) {
    const stream = world.get(fields.text('left'), 'stream')
    const table = world.get(fields.text('right'), 'globalTable') as never
    const [select, call] = [keySelector(fields.text('fn')), joiner(fields.text('joiner'))]
    const meet = (value: AnyValue, row: AnyValue, key: AnyKey) => call(value, row, key)
    const joined =
      fields.text('how') === 'left'
        ? stream.leftJoin(table, select, meet)
        : stream.join(table, select, meet)
    world.put(fields.id, 'stream', joined)
  },
  joinTable(world, fields) {
    const isLeft = fields.text('how') === 'left'
    const stream = joinable(world, fields, 'left', isLeft)
    const table = world.get(fields.text('right'), 'table')
    const call = joiner(fields.text('joiner'))
    const graceMs = fields.optionalNumber('grace')
    const meet = (value: AnyValue, row: AnyValue, key: AnyKey) => call(value, row, key)
    const args: unknown[] = [table, meet]
    if (graceMs !== undefined) {
      args.unshift(fields.id)
      args.push({ grace: ms(graceMs), key: caseKeys, value: caseValues })
    }
    const join = (isLeft ? stream.leftJoin : stream.join) as (...args: unknown[]) => typeof stream
    world.put(fields.id, 'stream', join.apply(stream, args))
  },
  joinStreams(world, fields) {
    const how = fields.text('how')
    if (!Object.hasOwn(kinds, how)) throw new CaseError(`unknown join '${how}'`)
    const keepsNullKeys = how !== 'inner'
    const left = joinable(world, fields, 'left', keepsNullKeys)
    const right = joinable(world, fields, 'right', keepsNullKeys)
    const window = within('0ms', {
      before: ms(fields.number('before')),
      after: ms(fields.number('after')),
      grace: ms(fields.number('grace')),
      emitInterval: ms(world.config.emitIntervalMs ?? 0),
    })
    const call = joiner(fields.text('joiner'))
    const serdes = { key: caseKeys, left: caseValues, right: caseValues } as never
    const join = left[kinds[how as keyof typeof kinds]].bind(left) as typeof left.outerJoin
    const joined = join(
      fields.id,
      right,
      window,
      (one, other, key) => call(one, other, key),
      serdes
    )
    world.put(fields.id, 'stream', joined)
  },
}
