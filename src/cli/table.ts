/** Rows as text in columns: numbers to the right, the rest to the left. */

export type Cell = string | number | null

export interface Column {
  readonly name: string
  readonly align?: 'right'
}

export function table(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  isColoured: boolean
): string {
  const texts = rows.map((row) => row.map(cellText))
  const widths = columns.map(({ name }, index) =>
    Math.max(name.length, ...texts.map((row) => (row[index] ?? '').length))
  )
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, index) => {
        const width = widths[index] ?? 0
        return columns[index]?.align === 'right' ? cell.padStart(width) : cell.padEnd(width)
      })
      .join('  ')
      .trimEnd()
  const head = line(columns.map(({ name }) => name))
  return [isColoured ? bold(head) : head, ...texts.map(line), ''].join('\n')
}

/** What is not there is a dash. */
function cellText(cell: Cell): string {
  return cell === null ? '-' : String(cell)
}

function bold(text: string): string {
  return `\u001b[1m${text}\u001b[22m`
}
