/** Series of a growth as a picture: SVG that needs nothing else, legible by day and by night. */

export interface PlotPoint {
  readonly what: string
  /** CPU µs a record. */
  readonly cpuMicros: number
}

export interface PlotSeries {
  readonly name: string
  readonly points: readonly PlotPoint[]
}

const panel = { width: 250, height: 230 } as const
/** Of the frame in which the points are. */
const frame = { left: 36, top: 44, right: 22, bottom: 30 } as const
const ticksWanted = 4

const style = `text{font:11px system-ui,sans-serif;fill:#57606a}.name{font-size:13px;fill:#1f2328}
.value{fill:#1f2328}.rule{stroke:#d0d7de}.line{stroke:#0969da;stroke-width:2;fill:none}
.dot{fill:#0969da}@media(prefers-color-scheme:dark){text{fill:#9198a1}.name,.value{fill:#f0f6fc}
.rule{stroke:#3d444d}.line{stroke:#4493f8}.dot{fill:#4493f8}}`

/** A panel for each series, with an axis of its own that begins at 0. */
export function growthPlot(series: readonly PlotSeries[]): string {
  const width = panel.width * series.length
  const title = 'CPU µs a record'
  const told = series.map(({ name, points }) => {
    const said = points.map(({ what, cpuMicros }) => `${what} ${digits(cpuMicros)}`)
    return `${name}: ${said.join(', ')}`
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${panel.height}" role="img">`,
    `<title>${title}, by ${escaped(told.join('; '))}</title>`,
    `<style>${style.replaceAll('\n', '')}</style>`,
    ...series.map((one, index) => panelOf(one, index * panel.width, title)),
    '</svg>\n',
  ].join('\n')
}

function panelOf({ name, points }: PlotSeries, x: number, unit: string): string {
  const most = Math.max(...points.map(({ cpuMicros }) => cpuMicros))
  const step = tickStep(most)
  const top = step * Math.ceil(most / step)
  const inner = {
    width: panel.width - frame.left - frame.right,
    height: panel.height - frame.top - frame.bottom,
  }
  const bottom = frame.top + inner.height
  const heightOf = (value: number): number => round(bottom - (value / top) * inner.height)
  // Half a step of room at both ends, so that no name is cut off.
  const placeOf = (index: number): number =>
    round(frame.left + ((index + 0.5) / points.length) * inner.width)
  const dots = points.map(({ cpuMicros }, i) => [placeOf(i), heightOf(cpuMicros)] as const)
  const rules = Array.from({ length: Math.round(top / step) + 1 }, (_, i) => {
    const y = heightOf(i * step)
    const line = `<path class="rule" d="M${frame.left} ${y}h${inner.width}"/>`
    return `${line}${words(frame.left - 6, y + 4, 'end', digits(i * step))}`
  })
  return [
    `<g transform="translate(${x})">`,
    words(frame.left, 16, 'start', name, 'name'),
    words(frame.left, 31, 'start', unit),
    ...rules,
    `<path class="line" d="M${dots.map((dot) => dot.join(' ')).join('L')}"/>`,
    ...points.flatMap(({ what, cpuMicros }, i) => {
      const [cx = 0, cy = 0] = dots[i] ?? []
      return [
        `<circle class="dot" cx="${cx}" cy="${cy}" r="3.5"/>`,
        words(cx, cy - 9, 'middle', digits(cpuMicros), 'value'),
        words(cx, bottom + 18, 'middle', shortened(what)),
      ]
    }),
    '</g>',
  ].join('\n')
}

/** 1, 2 or 5 of a power of ten. */
function tickStep(most: number): number {
  const rough = most / ticksWanted
  const power = 10 ** Math.floor(Math.log10(rough))
  return power * (rough <= power ? 1 : rough <= 2 * power ? 2 : rough <= 5 * power ? 5 : 10)
}

function words(x: number, y: number, anchor: string, text: string, kind?: string): string {
  const named = kind === undefined ? '' : ` class="${kind}"`
  return `<text x="${x}" y="${y}" text-anchor="${anchor}"${named}>${escaped(text)}</text>`
}

/** 10000000 as 10 M. */
function shortened(what: string): string {
  if (/000000$/.test(what)) return `${what.slice(0, -6)} M`
  return what.replace(/(?<=\d)000$/, ' k')
}

function digits(value: number): string {
  return Number(value.toPrecision(value < 10 ? 2 : 3)).toString()
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
