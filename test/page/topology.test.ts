import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { taskId } from '../../src/ids.ts'
import { chromiumPath, launchChromium } from '../support/chromium.ts'
import { FakeApplication } from '../support/http-ports.ts'
import { expectAccessible, overflow, Pages, shows, textOf } from '../support/pages.ts'
import { shopSnapshot, shopTopology } from '../support/shop-topology.ts'

let browser: Browser
let shop: FakeApplication
let pages: Pages

async function open(options: Parameters<Pages['open']>[0] = {}) {
  const opened = await pages.open({
    path: '/topology',
    ports: { topology: shopTopology },
    ...options,
  })
  await shows(opened.page, '.frame-label', 'Sub-topology 0')
  return opened
}

function node(page: Page, name: string | RegExp) {
  return page.getByRole('button', { name })
}

describe.skipIf(chromiumPath === undefined)('the topology page', () => {
  beforeAll(async () => {
    browser = await launchChromium()
  })

  afterAll(async () => await browser.close())

  beforeEach(() => {
    shop = new FakeApplication()
    shop.snapshot = shopSnapshot(1_000)
    pages = new Pages(browser, shop)
  })

  afterEach(async () => await pages.close())

  it('draws every node and topic once, none over another, inside its sub-topology', async () => {
    const { page, faults } = await open()
    const { subtopologies } = shopTopology.toJson()
    const names = subtopologies.flatMap(({ nodes }) => nodes.map(({ name }) => name))
    expect(await page.locator('.node:not(.topic)').count()).toBe(names.length)
    expect(await page.locator('.node.topic').count()).toBe(7)
    expect(await page.locator('.frame').count()).toBe(subtopologies.length)
    const boxes = await page.locator('.node .button').evaluateAll((list) => {
      return list.map((rect) => {
        const value = (name: string): number => Number((rect as unknown as Rect).getAttribute(name))
        interface Rect {
          getAttribute(name: string): string
        }
        return { x: value('x'), y: value('y'), width: value('width'), height: value('height') }
      })
    })
    const overlaps = boxes.flatMap((a, i) => {
      return boxes.slice(i + 1).filter((b) => {
        const isBeside = a.x + a.width <= b.x || b.x + b.width <= a.x
        return !isBeside && a.y < b.y + b.height && b.y < a.y + a.height
      })
    })
    expect(overlaps).toEqual([])
    expect(faults).toEqual([])
  })

  it('covers the text of no node or topic by its button, in light and dark', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const { page } = await open({ colorScheme })
      const fills = await page.locator('.node .button').evaluateAll((list) => {
        const style = globalThis as unknown as { getComputedStyle(of: unknown): { fill: string } }
        return [...new Set(list.map((button) => style.getComputedStyle(button).fill))]
      })
      expect(fills).toEqual(['rgba(0, 0, 0, 0)'])
    }
  })

  it('shows rates, lag, event time and state, as they are', async () => {
    const { page } = await open()
    await shows(page, '#total-lag', /^30$/)
    await shows(page, '#total-state', '4.5 MB')
    await shows(page, '.frame-label', 'Sub-topology 1 · 1 task running · 1.5 MB')
    shop.clock.advance(2_000)
    shop.snapshot = shopSnapshot(1_050)
    await shows(page, '#total-in', '25/s')
    await node(page, /^Topic shop\.events, 25\/s, lag 5$/).waitFor()
    await node(page, /^source 0, source, 25\/s$/).click()
    await shows(page, '#chosen-name', 'KSTREAM-SOURCE-0000000000')
    await shows(page, '#chosen-facts dd', 'shop.events')
    await node(page, /^Topic shop\.events/).click()
    await shows(page, '#chosen-facts dd', 'watermark 5 s ago')
    await node(page, /^basket-24h, final/).click()
    await shows(page, '#chosen-facts dd', 'basket-24h: { revenue: sum(bigint)')
    await shows(page, '#tasks tr', /^0_0running1\.5 MBshop\.events 01,050525\/sSun 22 Nov, 12:59$/)
    await shows(page, '#nodes tr', 'traffic-5m-partial0sinkpartialtraffic-5mtraffic-5m-partials')
  })

  it('shows a task that is being restored, and one that is elsewhere', async () => {
    const [first] = shopSnapshot(1_000).tasks
    if (first === undefined) throw new Error('no task')
    const restore = [{ store: 'traffic-5m-partials', position: 250, end: 1_000 }]
    const tasks = [{ ...first, id: taskId(0, 0), state: 'restoring' as const, restore }]
    shop.snapshot = shopSnapshot(1_000, { tasks })
    const { page } = await open()
    await shows(page, '#state', 'Restoring')
    await shows(page, '#tasks tr', 'restoring 25%')
    await shows(page, '.frame-label', 'Sub-topology 1 · no task here')
    await node(page, 'Topic traffic-5m, not read at this instance').waitFor()
  })

  it('draws anew, and counts anew, when another process answers', async () => {
    const { page } = await open()
    await shows(page, '#state', 'Stale')
    const port = await pages.cut()
    await shows(page, '#state', 'Offline')
    shop.snapshot = shopSnapshot(3, { instance: 'b' })
    await pages.listen(port, { topology: shopTopology })
    await shows(page, '#state', 'Stale')
    await shows(page, '#total-in', '–')
    await shows(page, '#tasks tr', 'shop.events 0')
  })

  it('is one stop of the tab key, and follows the data by arrow keys', async () => {
    const { page } = await open()
    expect(await page.locator('.button[tabindex="0"]').count()).toBe(1)
    await page.locator('.button[tabindex="0"]').focus()
    const focused = async () => await textOf(page, '#chosen-name')
    expect(await focused()).toBe('shop.events')
    await page.keyboard.press('ArrowRight')
    expect(await focused()).toBe('KSTREAM-SOURCE-0000000000')
    await page.keyboard.press('ArrowRight')
    const column = await focused()
    await page.keyboard.press('ArrowDown')
    expect(await focused()).not.toBe(column)
    await page.keyboard.press('ArrowUp')
    expect(await focused()).toBe(column)
    await page.keyboard.press('ArrowLeft')
    expect(await focused()).toBe('KSTREAM-SOURCE-0000000000')
    expect(await page.locator('.button[tabindex="0"]').count()).toBe(1)
    expect(await page.locator('.edges .near').count()).toBe(7)
  })

  it('asks for the token where there is one', async () => {
    const ports = { topology: shopTopology, apiToken: 'open sesame' }
    const { page } = await pages.open({ path: '/topology', ports })
    await page.getByLabel('This server wants its API token').fill('open sesame')
    await page.getByRole('button', { name: 'Use it' }).click()
    await shows(page, '.frame-label', 'Sub-topology 0')
  })

  it.each(['light', 'dark'] as const)('has nothing against it, in %s', async (colorScheme) => {
    const { page, faults } = await open({ colorScheme })
    await node(page, /^Topic shop\.events/).click()
    for (const width of [360, 1_920]) {
      await page.setViewportSize({ width, height: 1_080 })
      await expectAccessible(page)
      expect(await overflow(page)).toBeLessThanOrEqual(0)
    }
    expect(faults).toEqual([])
  })
})
