/**
 * Light or dark, as the system has it unless the reader has chosen. Runs before anything is shown,
 * so it imports nothing.
 */
{
  const key = 'theme'
  const root = document.documentElement
  const chosen = localStorage.getItem(key)
  if (chosen !== null) root.dataset.theme = chosen
  addEventListener('DOMContentLoaded', () => {
    const select = document.getElementById('theme')
    select.value = chosen ?? 'auto'
    select.addEventListener('change', () => {
      if (select.value === 'auto') {
        localStorage.removeItem(key)
        delete root.dataset.theme
      } else {
        localStorage.setItem(key, select.value)
        root.dataset.theme = select.value
      }
    })
  })
}
