/** Pages in a real browser, on a server with a fake application, and what they did wrong. */
import axe from 'axe-core'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { expect } from 'vitest'
import { createHttpApp } from '../../src/http/app.ts'
import type { HttpPorts } from '../../src/http/ports.ts'
import { type HttpServer, listen } from '../../src/http/server.ts'
import type { StreamTiming } from '../../src/http/stream.ts'
import type { FakeApplication } from './http-ports.ts'

export interface Opened {
  readonly page: Page
  /** What the page reported: errors, and what its own policy refused. */
  readonly faults: string[]
  /** Where its requests went. */
  readonly urls: URL[]
}

export interface Opening extends BrowserContextOptions {
  readonly path?: string
  readonly ports?: Partial<HttpPorts>
  readonly timing?: StreamTiming
}

/** One server at a time, and any number of pages. */
export class Pages {
  readonly #browser: Browser
  readonly #shop: FakeApplication
  #server: HttpServer | undefined

  constructor(browser: Browser, shop: FakeApplication) {
    this.#browser = browser
    this.#shop = shop
  }

  async open(opening: Opening = {}): Promise<Opened> {
    const { path = '/', ports = {}, timing = {}, ...options } = opening
    if (this.#server === undefined) await this.listen(0, ports, timing)
    const defaults = { locale: 'en-GB', timezoneId: 'Europe/Berlin' }
    const context = await this.#browser.newContext({ ...defaults, ...options })
    const page = await context.newPage()
    const opened: Opened = { page, faults: [], urls: [] }
    page.on('pageerror', (error) => opened.faults.push(String(error)))
    page.on('console', (message) => {
      if (message.type() === 'error') opened.faults.push(message.text())
    })
    page.on('request', (request) => opened.urls.push(new URL(request.url())))
    await page.goto(`${this.#server?.url}${path}`)
    return opened
  }

  async listen(port: number, ports: Partial<HttpPorts> = {}, timing: StreamTiming = {}) {
    const http = createHttpApp(this.#shop.ports(ports), { statusMs: 20, ...timing })
    this.#server = await listen(http, '127.0.0.1', port)
  }

  /** Answers with the port that it was at. */
  async cut(): Promise<number> {
    const port = Number(new URL(this.#server?.url ?? 'http://x:0').port)
    await this.#server?.close(0)
    this.#server = undefined
    return port
  }

  async close(): Promise<void> {
    for (const context of this.#browser.contexts()) await context.close()
    await this.cut()
  }
}

export async function shows(page: Page, selector: string, text: string | RegExp): Promise<void> {
  await page.locator(selector).filter({ hasText: text }).first().waitFor({ timeout: 20_000 })
}

/** Without blanks at the ends, and with single ones. */
export async function textOf(page: Page, selector: string): Promise<string> {
  const text = (await page.locator(selector).first().textContent()) ?? ''
  return text.replace(/\s+/g, ' ').trim()
}

/** How far the page is wider than its window, in pixels. */
export async function overflow(page: Page): Promise<number> {
  return await page.evaluate(() => {
    const { document, innerWidth } = globalThis as unknown as {
      document: { documentElement: { scrollWidth: number } }
      innerWidth: number
    }
    return document.documentElement.scrollWidth - innerWidth
  })
}

/** What axe-core, all of its rules but the experimental ones, finds wrong with a page. */
export async function expectAccessible(page: Page): Promise<void> {
  await page.evaluate(axe.source)
  const faults = await page.evaluate(async () => {
    const { axe: tool } = globalThis as unknown as { axe: typeof axe }
    const { violations } = await tool.run({ exclude: [] })
    return violations.flatMap(({ id, nodes }) => {
      return nodes.map(({ target, failureSummary }) => `${id} ${target} ${failureSummary}`)
    })
  })
  expect(faults).toEqual([])
}
