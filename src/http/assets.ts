/** The page and what it needs, all from here: no other host is asked for anything. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { Context } from 'hono'
import { answer, tagOf } from './answers.ts'
import { problem } from './problem.ts'

interface Asset {
  readonly body: Uint8Array<ArrayBuffer>
  readonly contentType: string
  readonly cacheControl: string
  readonly etag: string
}

const types = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  mjs: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
} as const

/** The build puts them beside this file, as they are beside its source. */
const place = new URL('./page/', import.meta.url)

/** Reads the page's files once. Throws if they are not there. */
export function pageAssets(): ReadonlyMap<string, Asset> {
  const own = (name: string, type: keyof typeof types): Asset => {
    return load(fileURLToPath(new URL(name, place)), type, 'no-cache')
  }
  const require = createRequire(import.meta.url)
  const day = 'public, max-age=86400'
  return new Map([
    ['index.html', own('index.html', 'html')],
    ['page.css', own('page.css', 'css')],
    ['page.mjs', own('page.mjs', 'mjs')],
    ['charts.mjs', own('charts.mjs', 'mjs')],
    ['events.mjs', own('events.mjs', 'mjs')],
    ['icon.svg', own('icon.svg', 'svg')],
    ['uplot.mjs', load(require.resolve('uplot/dist/uPlot.esm.js'), 'mjs', day)],
    ['uplot.css', load(require.resolve('uplot/dist/uPlot.min.css'), 'css', day)],
  ])
}

export function asset(assets: ReadonlyMap<string, Asset>, name?: string) {
  return (context: Context): Response => {
    const found = assets.get(name ?? context.req.param('name') ?? '')
    if (found === undefined) return problem(context, 404, 'There is no such file.')
    return answer(context, found.body, found)
  }
}

function load(path: string, type: keyof typeof types, cacheControl: string): Asset {
  const body = new Uint8Array(readFileSync(path))
  return { body, contentType: types[type], cacheControl, etag: tagOf(body) }
}
