import { describe, expect, it } from 'vitest'
import { avro } from '../../src/index.ts'
import { rowSchema } from '../../topologies/metric-format.ts'
import { metricRow } from '../support/metric-rows.ts'

interface Field {
  readonly name: string
  readonly default?: unknown
}

describe('the schema of the rows', () => {
  const { fields } = JSON.parse(rowSchema) as { readonly fields: readonly Field[] }

  it('has the fields of a row, and keeps their values', () => {
    const row = metricRow('revenue_24h', 86_400_000, {
      value: 184.9,
      numerator: Number.MAX_SAFE_INTEGER,
      denominator: 1,
      amount: '184.90',
      currency: 'EUR',
      firstEventAt: null,
    })
    expect(fields.map(({ name }) => name)).toEqual(Object.keys(row))
    const rows = avro<object>(rowSchema)
    expect(rows.deserialize(rows.serialize(row) ?? new Uint8Array(0))).toEqual(row)
  })

  it('lets fields come and go: all but the place of a row have a default', () => {
    const needed = fields.filter((field) => field.default === undefined).map(({ name }) => name)
    expect(needed).toEqual(['metric', 'windowStart', 'windowEnd'])
  })
})
