/** Errors as RFC 9457 problem details. */
import { STATUS_CODES } from 'node:http'
import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'

const retryAfterSeconds = '5'

/** `detail` is for people: what was wrong, and what would be right. */
export function problem(
  context: Context,
  status: ContentfulStatusCode,
  detail: string,
  headers: Readonly<Record<string, string>> = {}
): Response {
  const title = STATUS_CODES[status] ?? 'Error'
  const instance = new URL(context.req.url).pathname
  return context.body(
    JSON.stringify({ type: 'about:blank', title, status, detail, instance }),
    status,
    { 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...headers }
  )
}

/** 503: the same request may succeed in a few seconds. */
export function notYet(context: Context, detail: string): Response {
  return problem(context, 503, detail, { 'retry-after': retryAfterSeconds })
}

/** After a restart the newest row at hand may be an old one: readers would go back in time. */
export function rowsNotYet(context: Context): Response {
  return notYet(context, 'The rows of the metrics topic are still being read.')
}
