/**
 * Bearer tokens. The numbers of the shop are behind the token, on the API and for Prometheus alike;
 * probes, the description of the API and the page's own files hold none of them and stay open.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { MiddlewareHandler } from 'hono'
import { problem } from './problem.ts'

export function bearer(token: string): MiddlewareHandler {
  const expected = digest(token)
  return async (context, next) => {
    const header = context.req.header('authorization') ?? ''
    const given = /^bearer +(.+)$/i.exec(header)?.[1]?.trim()
    // Digests are of one length: the time taken tells nothing of the token.
    if (given !== undefined && timingSafeEqual(digest(given), expected)) return await next()
    const challenge = { 'www-authenticate': 'Bearer realm="millrace"' }
    return problem(context, 401, 'Send the token of API_TOKEN: Authorization: Bearer …', challenge)
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
