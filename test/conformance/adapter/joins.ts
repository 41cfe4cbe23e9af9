/** Joins of streams, and of streams with tables. */
import { within } from '../../../src/index.ts'
import { CaseError } from '../case.ts'
import { joiner } from '../functions/mappers.ts'
import { joinable } from './rekeyed.ts'
import { caseKeys, caseValues } from './serdes.ts'
import { ms, type Operators } from './world.ts'

const kinds = { inner: 'join', left: 'leftJoin', outer: 'outerJoin' } as const

export const joins: Operators = {
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
