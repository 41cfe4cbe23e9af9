import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { chromiumPath, launchChromium } from '../support/chromium.ts'
import { FakeApplication } from '../support/http-ports.ts'
import { metricRow } from '../support/metric-rows.ts'
import { expectAccessible, overflow, Pages, shows, textOf } from '../support/pages.ts'
import { fillDays } from '../support/shop-days.ts'

const minute = 60_000
let browser: Browser
let shop: FakeApplication
let pages: Pages

/** The lines of a figure: its number, what it is made of, its window, its differences. */
async function figure(page: Page, name: string): Promise<readonly string[]> {
  const lines = page.locator(`[data-figure=${name}] :is(.value, .parts, .bounds, .spoken)`)
  const shown = lines.filter({ hasText: /./ })
  return (await shown.allTextContents()).map((text) => text.trim())
}

async function openFilled(opening: Parameters<Pages['open']>[0] = {}, daysBack = 9) {
  fillDays(shop, daysBack)
  const opened = await pages.open(opening)
  await shows(opened.page, '[data-figure=visitors] .value', '1,234')
  await shows(opened.page, '[data-figure=averageDay] .bounds', '24 hours to')
  return opened
}

describe.skipIf(chromiumPath === undefined)('the overview', () => {
  beforeAll(async () => {
    browser = await launchChromium()
  })

  afterAll(async () => await browser.close())

  beforeEach(() => {
    shop = new FakeApplication()
    pages = new Pages(browser, shop)
  })

  afterEach(async () => await pages.close())

  it('shows today and 24 hours against the same time yesterday and last week', async () => {
    const { page, faults, urls } = await openFilled()
    await shows(page, '[data-figure=ordersDay] .value', '732')
    expect(await figure(page, 'visitors')).toEqual([
      '1,234',
      '5 minutes to 13:00',
      '34 more than yesterday',
      '66 less than last week',
    ])
    expect(await figure(page, 'ordersToday')).toEqual([
      '468',
      'today, 00:00–13:00',
      '156 more than yesterday',
      '156 less than last week',
    ])
    expect(await figure(page, 'ordersDay')).toEqual([
      '732',
      '24 hours to 13:00',
      '288 more than yesterday',
      '24 less than last week',
    ])
    expect(await figure(page, 'revenueToday')).toEqual([
      '€2,600.00',
      'today, 00:00–13:00',
      '€260.00 more than yesterday',
      'the same as last week',
    ])
    expect(await figure(page, 'revenueDay')).toEqual([
      '€4,800.00',
      '24 hours to 13:00',
      '€480.00 more than yesterday',
      'the same as last week',
    ])
    expect(await figure(page, 'averageToday')).toEqual([
      '€50.00',
      'today, 00:00–13:00',
      '€20.00 more than yesterday',
      'the same as last week',
    ])
    expect(await figure(page, 'averageDay')).toEqual([
      '€50.00',
      '24 hours to 13:00',
      '€20.00 more than yesterday',
      'the same as last week',
    ])
    expect(await figure(page, 'conversion')).toEqual([
      '3.12%',
      '31 of 993 sessions',
      '1 hour to 13:00',
      '1.12 pp more than yesterday',
      '0.88 pp less than last week',
    ])
    const arrows = await page.locator('[data-figure=visitors] .arrow').allTextContents()
    expect(arrows).toEqual(['▲', '▼'])
    const steps = await page.locator('.funnel li').allTextContents()
    expect(steps).toEqual(['993 sessions', '31 with an order 3.12%', '36 orders 1.16 each'])
    expect(faults).toEqual([])
    expect(new Set(urls.map(({ host }) => host)).size).toBe(1)
  })

  it('holds nothing against a day that it does not know whole', async () => {
    const { page } = await openFilled({}, 1.25)
    await shows(page, '[data-figure=ordersToday] .value', '468')
    const lines = await page.locator('[data-figure=ordersToday] li').allTextContents()
    expect(lines).toEqual(['– yesterday not known', '– last week not known'])
    expect((await figure(page, 'visitors'))[2]).toBe('34 more than yesterday')
  })

  it('begins a day where its reader is, and keeps the hour over a change of clocks', async () => {
    const { page } = await pages.open()
    const times: number[] = await page.evaluate(`
      import('/assets/time.mjs').then(({ midnight, daysBefore }) => {
        const monday = Date.UTC(2026, 9, 26, 11)
        return [midnight(monday), daysBefore(monday, 1), daysBefore(monday, 7)]
      })
    `)
    const utc = times.map((time) => new Date(time).toISOString())
    expect(utc).toEqual([
      '2026-10-25T23:00:00.000Z',
      '2026-10-25T11:00:00.000Z',
      '2026-10-19T10:00:00.000Z',
    ])
  })

  it('follows new rows, and says them to screen readers once a minute at most', async () => {
    const { page, faults } = await openFilled()
    await shows(page, '#told', '13:00: 1,234 visitors, 468 orders today, conversion 3.12%')
    const end = shop.clock.now() + 5 * minute
    shop.put(metricRow('visitors_5m', end, { value: 42 }))
    await shows(page, '[data-figure=visitors] .value', '42')
    expect(await page.title()).toBe('42 now · Shop metrics')
    expect(await textOf(page, '#told')).toContain('1,234 visitors')
    expect((await figure(page, 'visitors')).slice(2)).toEqual([
      '1,158 less than yesterday',
      '1,258 less than last week',
    ])
    expect(faults).toEqual([])
  })

  it('goes on where it was after the server was away, without asking for all again', async () => {
    const { page, urls } = await openFilled()
    await shows(page, '#state', 'Live')
    const port = await pages.cut()
    await shows(page, '#state', 'Offline')
    await shows(page, '#banner', 'The server has not answered since')
    const asked = urls.filter(({ pathname }) => pathname.startsWith('/api/windows')).length
    const end = shop.clock.now() + 5 * minute
    shop.put(metricRow('visitors_5m', end, { value: 42 }))
    await pages.listen(port)
    await shows(page, '#state', 'Live')
    await shows(page, '[data-figure=visitors] .value', '42')
    expect(await page.locator('#banner').isVisible()).toBe(false)
    const again = urls.filter(({ pathname }) => pathname.startsWith('/api/windows')).length
    expect(again).toBe(asked)
  })

  it('polls where there is no stream for it', async () => {
    const { page } = await openFilled({ timing: { clientsMax: 0 } })
    await shows(page, '#state', 'Polling')
    await shows(page, '#freshness', 'no events yet')
  })

  it('tells restoring, not ready, stale and empty apart', async () => {
    const { page, faults } = await pages.open()
    await shows(page, '#state', 'Stale')
    await shows(page, '#banner', 'No window has closed yet.')
    fillDays(shop, 1)
    await shows(page, '[data-figure=visitors] .value', '1,234')
    await shows(page, '#state', 'Live')
    expect(await page.locator('#banner').isVisible()).toBe(false)
    shop.reasons = ['The broker does not answer.']
    await shows(page, '#state', 'Not ready')
    await shows(page, '#banner', 'The broker does not answer.')
    shop.reasons = ['Task 1_0 is being restored.']
    shop.caughtUp = false
    await shows(page, '#state', 'Restoring')
    await shows(page, '#banner', 'what is shown is from before. Task 1_0 is being restored.')
    shop.reasons = []
    shop.caughtUp = true
    shop.clock.advance(3 * 3_600_000)
    await shows(page, '#state', 'Stale')
    await shows(page, '#banner', 'what is shown is old')
    expect(faults).toEqual([])
  })

  it('waits for rows that are still being read', async () => {
    fillDays(shop)
    shop.caughtUp = false
    const { page } = await pages.open()
    await shows(page, '#state', 'Restoring')
    expect(await textOf(page, '[data-figure=visitors] .value')).toBe('–')
    shop.caughtUp = true
    await shows(page, '[data-figure=visitors] .value', '1,234')
    await shows(page, '#state', 'Live')
  })

  it('is not offline while rows are read and there is no stream for it', async () => {
    shop.caughtUp = false
    const { page } = await pages.open({ timing: { clientsMax: 0 } })
    await shows(page, '#state', 'Restoring')
  })

  it('tells unknown from none', async () => {
    const { page } = await pages.open()
    const none = { value: null, numerator: 0, denominator: 0 }
    shop.put(metricRow('conversion_1h', shop.clock.now(), none))
    await shows(page, '[data-figure=conversion] .parts', '0 of 0 sessions')
    expect(await textOf(page, '[data-figure=conversion] .value')).toBe('–')
  })

  it('says how long ago the last event was', async () => {
    const lastEventAt = (): number => shop.clock.now() - 12_000
    const { page } = await openFilled({ ports: { lastEventAt } })
    await shows(page, '#freshness', /last event 1\d s ago/)
  })

  it('can be read by keyboard: definitions, windows, charts and their table', async () => {
    const { page } = await openFilled()
    await page.keyboard.press('Tab')
    expect(await textOf(page, ':focus')).toBe('To the figures')
    const info = page.getByRole('button', { name: 'What conversion means' })
    await info.focus()
    await page.keyboard.press('Enter')
    await page.getByText('it is never above 100 %').waitFor()
    await page.keyboard.press('Escape')
    expect(await page.getByText('it is never above 100 %').isVisible()).toBe(false)
    await page.locator('[data-figure=ordersToday] .bounds').focus()
    const tip = page.locator('#ordersToday-windows')
    expect(await tip.isVisible()).toBe(true)
    expect(await tip.locator('p').allTextContents()).toEqual([
      '00:00–13:00: 468',
      'Sat 21 Nov, 00:00–13:00: 312',
      'Sun 15 Nov, 00:00–13:00: 624',
    ])
    await page.getByRole('radio', { name: 'Visitors' }).focus()
    await page.keyboard.press('ArrowRight')
    await shows(page, '#summary', 'Orders in 5 minutes: from 2 to 3, 3 at last.')
    const plot = page.getByRole('slider', { name: 'Orders in 5 minutes, the last 24 hours' })
    await plot.focus()
    const reading = async () => await plot.getAttribute('aria-valuetext')
    expect(await reading()).toBe('12:55–13:00: 3, the day before 2')
    await page.keyboard.press('PageDown')
    expect(await reading()).toBe('11:55–12:00: 3, the day before 2')
    await page.keyboard.press('Home')
    expect(await reading()).toBe('Sat 21 Nov, 13:00–13:05: 2, the day before 1')
    expect(await textOf(page, '.reading')).toBe(await reading())
    await page.getByText('As a table').focus()
    await page.keyboard.press('Enter')
    await shows(page, '#table tbody tr:first-child', '12:55–13:003')
    expect(await page.locator('#table tbody tr').count()).toBe(288)
  })

  it('shows the windows of a figure, and of a chart, to a pointer', async () => {
    const { page } = await openFilled()
    await page.locator('[data-figure=revenueDay] .value').hover()
    const tip = page.locator('#revenueDay-windows')
    await tip.waitFor()
    expect(await textOf(page, '#revenueDay-windows p')).toBe(
      'Sat 21 Nov, 13:00 – Sun 22 Nov, 13:00: €4,800.00'
    )
    await page.locator('#plot').hover()
    await shows(page, '.reading', /^\d\d:\d\d–\d\d:\d\d: 1,234, the day before 1,200$/)
  })

  it('draws a line into its chart, in the colours of the theme', async () => {
    const { page } = await openFilled({ colorScheme: 'light' }, 2)
    const teal = async (): Promise<number> => {
      return await page.locator('#plot canvas').evaluate((node) => {
        const canvas = node as unknown as Canvas
        interface Canvas {
          readonly width: number
          readonly height: number
          getContext(kind: '2d'): { getImageData(...box: number[]): { data: Uint8ClampedArray } }
        }
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
        let count = 0
        for (let i = 0; i < data.length; i += 4) {
          const isDark = (data[i] ?? 0) < 40 && (data[i + 1] ?? 0) < 130
          if (isDark && (data[i + 1] ?? 0) > 90 && (data[i + 3] ?? 0) > 200) count += 1
        }
        return count
      })
    }
    expect(await teal()).toBeGreaterThan(100)
    await page.getByLabel('Theme').selectOption('Dark')
    await expect.poll(teal).toBe(0)
  })

  it('asks for the token where there is one', async () => {
    fillDays(shop, 2)
    const { page } = await pages.open({ ports: { apiToken: 'open sesame' } })
    await page.getByLabel('This server wants its API token').fill('open sesame')
    await page.getByRole('button', { name: 'Use it' }).click()
    await shows(page, '[data-figure=visitors] .value', '1,234')
    await shows(page, '#state', 'Live')
  })

  it('is as light or dark as the system, or as its reader wants it', async () => {
    const { page } = await openFilled({ colorScheme: 'dark' }, 2)
    const ground = async () => {
      return await page.locator('body').evaluate((body) => {
        const { getComputedStyle } = globalThis as unknown as {
          getComputedStyle(element: unknown): { backgroundColor: string }
        }
        return getComputedStyle(body).backgroundColor
      })
    }
    const dark = await ground()
    await page.getByLabel('Theme').selectOption('Light')
    const light = await ground()
    await page.reload()
    await shows(page, '[data-figure=visitors] .value', '1,234')
    expect([dark, light, await ground()]).toEqual([
      'rgb(14, 19, 21)',
      'rgb(243, 245, 246)',
      'rgb(243, 245, 246)',
    ])
    await page.getByLabel('Theme').selectOption('Auto')
    expect(await ground()).toBe(dark)
  })

  it.each(['light', 'dark'] as const)('has nothing against it, in %s', async (colorScheme) => {
    const { page, faults } = await openFilled({ colorScheme })
    await page.getByText('As a table').click()
    await page.getByRole('button', { name: 'What orders means' }).click()
    for (const width of [360, 1_920]) {
      await page.setViewportSize({ width, height: 1_080 })
      await expectAccessible(page)
      expect(await overflow(page)).toBeLessThanOrEqual(0)
    }
    expect(faults).toEqual([])
  })
})
