// SPDX-License-Identifier: Apache-2.0
// Opens a page of `tilewake report` in Chromium without a network, and checks what a reader sees.
// usage: node browser_test.mjs CHROMIUM PAGE.html SCREENSHOTS
// Prints one line of JSON: what it found on the page. Exits with 1 at the first violation.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import {pathToFileURL} from 'node:url';
import {chromium} from 'playwright-core';

const [executablePath, file, screenshots] = process.argv.slice(2);
const name = path.basename(file, '.html');
// A row of these charts has several marks: one per figure of the row.
const manyMarks = new Set(['training']);

const browser = await chromium.launch({executablePath, args: ['--no-sandbox']});
const result = {bytes: fs.statSync(file).size, draw_ms: [], figures: {}};

async function open(width, colorScheme) {
  const context = await browser.newContext({viewport: {width, height: 900}, colorScheme, offline: true});
  const page = await context.newPage();
  const errors = [];
  page.on('console', message => { if (message.type() !== 'log') errors.push(message.text()); });
  page.on('pageerror', error => errors.push(String(error)));
  page.on('request', request => { if (!request.url().startsWith('file:')) errors.push(request.url()); });
  await page.goto(pathToFileURL(file).href);
  return {page, errors, close: () => context.close()};
}

const countMarks = figure => figure.locator('.mark').count();

async function checkFigure(page, figure) {
  const chart = await figure.getAttribute('data-chart');
  const id = await figure.getAttribute('id');
  if (await figure.locator('.chart > .warning').count() > 0) {
    result.figures[id] = 'warning';
    return;
  }
  await figure.locator('summary').click();
  await figure.locator('tbody tr').first().waitFor();
  const rows = await figure.locator('tbody tr').count();
  const marks = await countMarks(figure);
  assert.ok(rows > 0, `${id}: no rows`);
  if (manyMarks.has(chart)) assert.ok(marks >= rows, `${id}: ${marks} marks, ${rows} rows`);
  else assert.equal(marks, rows, `${id}: marks and rows of the table`);
  result.figures[id] = rows;

  // Hovering and the keyboard show the figures of a mark.
  const first = figure.locator('.mark[tabindex="0"]');
  assert.equal(await first.count(), 1, `${id}: one mark is in the order of Tab`);
  const label = await first.getAttribute('aria-label');
  await page.keyboard.press('Tab');  // from now on, focus is that of the keyboard
  await first.focus();
  assert.equal(await page.locator('.tooltip').isVisible(), true, `${id}: focus shows no tooltip`);
  if (marks > 1) {
    await page.keyboard.press('End');
    const last = await page.evaluate(() => document.activeElement.getAttribute('aria-label'));
    assert.ok(last, `${id}: End leaves the chart`);
    assert.equal(await figure.locator('.mark[tabindex="0"]').count(), 1);
    await page.keyboard.press('Home');
    assert.equal(await page.evaluate(() => document.activeElement.getAttribute('aria-label')), label);
  }
  await figure.locator('summary').click();

  // A click on an item of the legend shows it alone, a second one shows all.
  const items = figure.locator('.legend button');
  if (await items.count() === 0) return;
  const shown = () => figure.locator('.legend button[aria-pressed="true"]').count();
  await items.first().click();
  assert.equal(await shown(), 1, `${id}: a click shows more than one item`);
  const filtered = await countMarks(figure);
  assert.ok(filtered <= marks, `${id}: a click adds marks`);
  result.figures[`${id} filtered`] = filtered;
  await items.first().click();
  assert.equal(await shown(), await items.count());
  assert.equal(await countMarks(figure), marks, `${id}: a second click shows all`);
}

for (const [width, scheme] of [[1400, 'light'], [1400, 'dark'], [400, 'light'], [400, 'dark']]) {
  const {page, errors, close} = await open(width, scheme);
  await page.waitForFunction(() => document.documentElement.dataset.drawMs !== undefined);
  result.draw_ms.push(Number(await page.evaluate(() => document.documentElement.dataset.drawMs)));
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth) <= width, `wider than ${width} px`);
  fs.mkdirSync(screenshots, {recursive: true});
  await page.screenshot({path: path.join(screenshots, `${name}-${width}-${scheme}.png`), fullPage: true});
  if (width === 1400 && scheme === 'light') {
    for (const figure of await page.locator('figure').all()) await checkFigure(page, figure);
    result.hacked = await page.evaluate(() => window.hacked ?? null);
    result.title = await page.locator('h2').allTextContents();
    await page.emulateMedia({media: 'print'});
    assert.equal(await page.locator('figure svg').first().isVisible(), true, 'nothing to print');
  }
  assert.deepEqual(errors, []);
  await close();
}
await browser.close();
console.log(JSON.stringify(result));
