/** `/api/windows/{metric}`: rows by the end of their window, page by page. */
import type { Context } from 'hono'
import type { Timestamp } from '../ids.ts'
import { json } from './answers.ts'
import type { HttpPorts } from './ports.ts'
import { problem, rowsNotYet } from './problem.ts'
import { parseTime } from './time-query.ts'

const limitDefault = 100
const limitMax = 1_000

interface Page {
  readonly from: Timestamp
  /** Null: no end. */
  readonly to: Timestamp | null
}

export function windows(ports: HttpPorts): (context: Context) => Response {
  const names = [...ports.metrics.map(({ name }) => name), ...ports.derived]
  return (context) => {
    const metric = context.req.param('metric') ?? ''
    if (!names.includes(metric)) {
      return problem(context, 404, `Unknown metric '${metric}': it is one of ${names.join(', ')}.`)
    }
    const faults: string[] = []
    const page = readPage(context, metric, faults)
    const limit = readLimit(context.req.query('limit'), faults)
    if (faults.length > 0) return problem(context, 400, faults.join(' '))
    if (!ports.rows.caughtUp) return rowsNotYet(context)
    const rows = ports.rows.range(metric, page.from, page.to ?? Infinity, limit + 1)
    const results = rows.slice(0, limit)
    const next = rows[limit]
    const cursor =
      next === undefined ? null : writeCursor(metric, { ...page, from: next.windowEnd })
    return json(context, { results, next: cursor })
  }
}

function readPage(context: Context, metric: string, faults: string[]): Page {
  const from = readTime(context, 'from', faults)
  const to = readTime(context, 'to', faults)
  const text = context.req.query('cursor')
  if (text === undefined) {
    if (from !== null && to !== null && from > to) faults.push('`from` is after `to`.')
    return { from: from ?? 0, to }
  }
  const page = readCursor(text, metric)
  if (page === undefined) faults.push('`cursor` is not one that this path gave.')
  if (from !== null) faults.push('`cursor` takes the place of `from`: give one of them.')
  if (to !== null && page !== undefined && to !== page.to) {
    faults.push('`cursor` carries its own `to`, and this is another.')
  }
  return page ?? { from: 0, to: null }
}

function readTime(context: Context, name: string, faults: string[]): Timestamp | null {
  const text = context.req.query(name)
  if (text === undefined || text === '') return null
  const time = parseTime(text)
  if (time === undefined) {
    faults.push(`\`${name}\` is a time such as 2026-11-22T17:05:00Z, or epoch milliseconds.`)
  }
  return time ?? null
}

function readLimit(text: string | undefined, faults: string[]): number {
  if (text === undefined || text === '') return limitDefault
  const limit = /^\d{1,9}$/.test(text) ? Number(text) : 0
  if (limit >= 1 && limit <= limitMax) return limit
  faults.push(`\`limit\` is a whole number from 1 to ${limitMax}.`)
  return limitDefault
}

function writeCursor(metric: string, { from, to }: Page): string {
  return Buffer.from(JSON.stringify([metric, from, to])).toString('base64url')
}

function readCursor(text: string, metric: string): Page | undefined {
  let fields: unknown
  try {
    fields = JSON.parse(Buffer.from(text, 'base64url').toString())
  } catch {
    return undefined
  }
  if (!Array.isArray(fields) || fields.length !== 3) return undefined
  const [of, from, to] = fields as readonly unknown[]
  if (of !== metric || !isTime(from) || !(to === null || isTime(to))) return undefined
  return { from, to }
}

function isTime(value: unknown): value is Timestamp {
  return typeof value === 'number' && Number.isInteger(value)
}
