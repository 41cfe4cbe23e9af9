/** Answers with a strong ETag, so that whoever has the same bytes already gets a 304. */
import { createHash } from 'node:crypto'
import type { Context } from 'hono'

export interface AnswerOptions {
  readonly contentType?: string
  /** Default: keep it, but ask each time. */
  readonly cacheControl?: string
  /** Without it, a hash of the body. */
  readonly etag?: string
}

export function json(context: Context, value: unknown): Response {
  return answer(context, JSON.stringify(value))
}

export function answer(
  context: Context,
  body: string | Uint8Array<ArrayBuffer>,
  options: AnswerOptions = {}
): Response {
  const etag = options.etag ?? tagOf(body)
  const headers = { etag, 'cache-control': options.cacheControl ?? 'no-cache' }
  if (matches(context.req.header('if-none-match'), etag)) return context.body(null, 304, headers)
  return context.body(body, 200, {
    ...headers,
    'content-type': options.contentType ?? 'application/json',
  })
}

export function tagOf(body: string | Uint8Array): string {
  return `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
}

/** Weak comparison, as RFC 9110 wants it for If-None-Match. */
function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  const tags = header.split(',').map((tag) => tag.trim().replace(/^W\//, ''))
  return tags.includes(etag) || tags.includes('*')
}
