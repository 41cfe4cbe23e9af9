import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createHttpApp } from '../../src/http/app.ts'
import { type HttpServer, listen } from '../../src/http/server.ts'
import { chromiumPath, launchChromium } from '../support/chromium.ts'
import { FakeApplication } from '../support/http-ports.ts'
import { metricRow } from '../support/metric-rows.ts'

const minute = 60_000
let browser: Browser
let shop: FakeApplication
let server: HttpServer | undefined
let lastEnd: number

/** A day of rows up to the last whole five minutes before now. */
function fill(): void {
  for (let end = lastEnd - 280 * 5 * minute; end <= lastEnd; end += 5 * minute) {
    shop.put(
      metricRow('visitors_5m', end, { value: 1_234 }),
      metricRow('orders_5m', end, { value: 7 }),
      metricRow('conversion_1h', end, { value: 31 / 993, numerator: 31, denominator: 993 })
    )
  }
  const sales = { numerator: 1_849_000, denominator: 200 }
  shop.put(
    metricRow('average_order_value_24h', lastEnd, { ...sales, value: 92.45 }),
    metricRow('revenue_24h', lastEnd, {
      ...sales,
      value: 18_490,
      amount: '18490.00',
      currency: 'EUR',
    })
  )
}

interface Opened {
  readonly page: Page
  readonly faults: string[]
  readonly hosts: Set<string>
}

async function open(options: BrowserContextOptions = {}, apiToken: string | null = null) {
  const ports = shop.ports({ apiToken, lastEventAt: () => Date.now() - 12_000 })
  server = await listen(createHttpApp(ports, { statusMs: 20 }), '127.0.0.1', 0)
  const context = await browser.newContext({ locale: 'en-GB', ...options })
  const page = await context.newPage()
  const opened: Opened = { page, faults: [], hosts: new Set() }
  page.on('pageerror', (error) => opened.faults.push(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error') opened.faults.push(message.text())
  })
  page.on('request', (request) => opened.hosts.add(new URL(request.url()).host))
  await page.goto(server.url)
  return opened
}

function value(page: Page, metric: string) {
  return page.locator(`#${metric} .value`)
}

async function shows(page: Page, selector: string, text: string | RegExp): Promise<void> {
  await page.locator(selector).filter({ hasText: text }).waitFor({ timeout: 20_000 })
}

describe.skipIf(chromiumPath === undefined)('the page', () => {
  beforeAll(async () => {
    browser = await launchChromium()
  })

  afterAll(async () => await browser.close())

  beforeEach(() => {
    shop = new FakeApplication()
    shop.clock.advance(Date.now() - shop.clock.now())
    lastEnd = Math.floor(Date.now() / (5 * minute)) * 5 * minute
  })

  afterEach(async () => {
    for (const context of browser.contexts()) await context.close()
    await server?.close(0)
    server = undefined
  })

  it('shows five numbers, their parts and their charts, asking no other host', async () => {
    fill()
    const { page, faults, hosts } = await open()
    await shows(page, '#visitors_5m .value', '1,234')
    await shows(page, '#orders_5m .value', '7')
    await shows(page, '#conversion_1h .value', '3.12%')
    await shows(page, '#conversion_1h .detail', '31 of 993 sessions')
    await shows(page, '#average_order_value_24h .value', '€92.45')
    await shows(page, '#revenue_24h .value', '€18,490.00')
    await shows(page, '#state', 'ready')
    await shows(page, '#freshness', /last event 1\d s ago/)
    expect(await page.locator('.chart canvas').count()).toBe(5)
    const label = await page.locator('#visitors_5m .chart').getAttribute('aria-label')
    expect(label).toContain('from 1,234 to 1,234')
    expect(faults).toEqual([])
    expect([...hosts]).toEqual([new URL(page.url()).host])
  })

  it('draws a line into its charts', async () => {
    fill()
    const { page } = await open()
    await shows(page, '#visitors_5m .value', '1,234')
    const coloured = await page.locator('#visitors_5m canvas').evaluate((node) => {
      const canvas = node as unknown as {
        width: number
        height: number
        getContext(kind: '2d'): Drawing
      }
      interface Drawing {
        getImageData(...box: number[]): { data: Uint8ClampedArray }
      }
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
      let count = 0
      for (let i = 0; i < data.length; i += 4) {
        if ((data[i] ?? 0) < 60 && (data[i + 1] ?? 0) > 90 && (data[i + 3] ?? 0) > 200) count++
      }
      return count
    })
    expect(coloured).toBeGreaterThan(100)
  })

  it('follows new rows and the state without being loaded again', async () => {
    fill()
    const { page, faults } = await open()
    await shows(page, '#visitors_5m .value', '1,234')
    shop.put(metricRow('visitors_5m', lastEnd + 5 * minute, { value: 42 }))
    await shows(page, '#visitors_5m .value', '42')
    shop.reasons = ['The broker does not answer.']
    await shows(page, '#state', 'unavailable')
    await shows(page, '#reasons', 'The broker does not answer.')
    shop.caughtUp = false
    await shows(page, '#state', 'restoring')
    expect(faults).toEqual([])
  })

  it('says what it has not got yet', async () => {
    const { page, faults } = await open()
    await shows(page, '#visitors_5m .detail', 'no window has closed yet')
    await shows(page, '#state', 'stale')
    shop.put(metricRow('conversion_1h', lastEnd, { value: null, numerator: 0, denominator: 0 }))
    await shows(page, '#conversion_1h .detail', '0 of 0 sessions')
    expect(await value(page, 'conversion_1h').textContent()).toBe('–')
    expect(faults).toEqual([])
  })

  it('shows its numbers as tables too', async () => {
    fill()
    const { page } = await open()
    await shows(page, '#visitors_5m .value', '1,234')
    expect(await page.locator('table').count()).toBe(0)
    await page.getByRole('button', { name: 'Show tables' }).click()
    await shows(page, '#orders_5m tbody tr:first-child td:last-child', '7')
    expect(await page.locator('#visitors_5m tbody tr').count()).toBeGreaterThan(250)
    await page.getByRole('button', { name: 'Hide tables' }).click()
    expect(await page.locator('#visitors_5m table').isVisible()).toBe(false)
  })

  it('asks for the token where there is one', async () => {
    fill()
    const { page } = await open({}, 'open sesame')
    await page.getByLabel('This server wants its API token').fill('open sesame')
    await page.getByRole('button', { name: 'Use it' }).click()
    await shows(page, '#visitors_5m .value', '1,234')
  })

  it('comes back by itself after the server was away', async () => {
    fill()
    const { page } = await open()
    await shows(page, '#state', 'ready')
    const port = Number(new URL(page.url()).port)
    await server?.close(0)
    await shows(page, '#state', 'offline')
    server = await listen(createHttpApp(shop.ports()), '127.0.0.1', port)
    await shows(page, '#state', 'ready')
  })

  it('fits a phone, in light and in dark', async () => {
    fill()
    for (const colorScheme of ['light', 'dark'] as const) {
      const { page, faults } = await open({ colorScheme, viewport: { width: 360, height: 700 } })
      await shows(page, '#visitors_5m .value', '1,234')
      const [wide, ground] = await page.evaluate(() => {
        const { document, getComputedStyle } = globalThis as unknown as Browsing
        interface Browsing {
          document: { documentElement: { scrollWidth: number }; body: object }
          getComputedStyle(element: object): { backgroundColor: string }
        }
        return [
          document.documentElement.scrollWidth,
          getComputedStyle(document.body).backgroundColor,
        ] as const
      })
      expect(wide).toBeLessThanOrEqual(360)
      expect(ground).toBe(colorScheme === 'dark' ? 'rgb(18, 23, 26)' : 'rgb(246, 247, 248)')
      expect(faults).toEqual([])
      await server?.close(0)
    }
  })
})
