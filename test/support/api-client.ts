/** Reads and writes of the application's HTTP API, as a foreign client does them. */
import type { RawEvent } from './shop-events.ts'
import type { MetricRow } from './shop-recount.ts'

interface Page {
  readonly results: readonly MetricRow[]
  readonly next: string | null
}

/** All rows of a metric, over as many pages as it takes. */
export async function allRows(url: string, metric: string, from: number): Promise<MetricRow[]> {
  const rows: MetricRow[] = []
  let query = `from=${from}&to=${Date.now() + 86_400_000}`
  for (;;) {
    const page = await json<Page>(`${url}/api/windows/${metric}?${query}&limit=1000`)
    rows.push(...page.results)
    if (page.next === null) return rows
    query = `cursor=${encodeURIComponent(page.next)}`
  }
}

/** Window end of the newest row of each metric. */
export async function newestEnds(url: string): Promise<ReadonlyMap<string, number>> {
  const { results } = await json<{ readonly results: readonly MetricRow[] }>(`${url}/api/metrics`)
  return new Map(results.map((row) => [row.metric, row.windowEnd]))
}

/** So many rows of the stream from behind an id on, each with its own id. */
export async function streamedRows(
  url: string,
  lastId: string,
  count: number
): Promise<readonly { readonly id: string; readonly row: MetricRow }[]> {
  const cut = new AbortController()
  const headers = { 'last-event-id': lastId }
  const answer = await fetch(`${url}/api/stream`, { headers, signal: cut.signal })
  const decoder = new TextDecoder()
  const found: { id: string; row: MetricRow }[] = []
  let text = ''
  for await (const chunk of answer.body ?? []) {
    const blocks = (text + decoder.decode(chunk, { stream: true })).split('\n\n')
    text = blocks.pop() ?? ''
    for (const block of blocks) {
      const [, id, data] = /^id: (\d+)\nevent: row\ndata: (.*)$/.exec(block) ?? []
      if (id !== undefined && data !== undefined) found.push({ id, row: JSON.parse(data) })
    }
    if (found.length >= count) break
  }
  cut.abort()
  return found.slice(0, count)
}

/** Posts events as NDJSON; resolves with how many were accepted, once they are durable. */
export async function postEvents(url: string, events: readonly RawEvent[]): Promise<number> {
  const answer = await fetch(`${url}/api/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: events.map((event) => JSON.stringify(event)).join('\n'),
  })
  if (answer.status !== 202) throw new Error(`${answer.status}: ${await answer.text()}`)
  const { accepted } = (await answer.json()) as { readonly accepted: number }
  return accepted
}

/** Values of the gauges and counters on `/metrics`, by `name{labels}` as printed. */
export async function gauges(url: string): Promise<ReadonlyMap<string, number>> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map((line) => {
      const space = line.lastIndexOf(' ')
      return [line.slice(0, space), Number(line.slice(space + 1))]
    })
  )
}

async function json<T>(url: string): Promise<T> {
  const answer = await fetch(url)
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`)
  return (await answer.json()) as T
}
