/** The pages and what they need, all from here: no other host is asked for anything. */
import { readdirSync, readFileSync } from 'node:fs'
import { extname } from 'node:path'
import type { Context } from 'hono'
import { answer, tagOf } from './answers.ts'
import { problem } from './problem.ts'

interface Asset {
  readonly body: Uint8Array<ArrayBuffer>
  readonly contentType: string
  readonly cacheControl: string
  readonly etag: string
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/** The build puts them beside this file, as they are beside its source. */
const place = new URL('./page/', import.meta.url)

/** Reads the pages' files once. Throws if they are not there. */
export function pageAssets(): ReadonlyMap<string, Asset> {
  const names = readdirSync(place).filter((name) => extname(name) in types)
  return new Map(names.map((name) => [name, load(name)]))
}

export function asset(assets: ReadonlyMap<string, Asset>, name?: string) {
  return (context: Context): Response => {
    const found = assets.get(name ?? context.req.param('name') ?? '')
    if (found === undefined) return problem(context, 404, 'There is no such file.')
    return answer(context, found.body, found)
  }
}

function load(name: string): Asset {
  const body = new Uint8Array(readFileSync(new URL(name, place)))
  const contentType = types[extname(name)] ?? 'application/octet-stream'
  return { body, contentType, cacheControl: 'no-cache', etag: tagOf(body) }
}
