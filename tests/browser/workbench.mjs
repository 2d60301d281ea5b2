// A real VS Code workbench: VS Code's own server from code-server's package, and Chromium.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { cpSync, createWriteStream, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const here = dirname(fileURLToPath(import.meta.url));
export const root = join(here, "..", "..");
export const artifacts = join(root, "artifacts", "browser");
const server = join(here, "node_modules", "code-server", "lib", "vscode", "out", "server-main.js");

/** Generous: the machine may be busy. Nothing waits this long when all is well. */
export const PATIENCE = 60_000;

/** Polls until `attempt` neither throws nor returns something false; never sleeps for a fixed time. */
export async function eventually(what, attempt, patience = PATIENCE) {
  const end = Date.now() + patience;
  let last;
  for (;;) {
    try {
      last = await attempt();
      if (last) {
        return last;
      }
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) {
      throw new Error(`${what}: not within ${patience / 1000} s; last: ${last instanceof Error ? last.message : JSON.stringify(last)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function freePort() {
  const probe = createServer();
  await new Promise((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

export class Workbench {
  /** Starts the server with the built extension installed; `trust: true` leaves workspace trust switched on. */
  static async start({ trust = false } = {}) {
    const home = mkdtempSync(join(tmpdir(), "stile-workbench-"));
    const options = [
      "--accept-server-license-terms",
      "--server-data-dir", join(home, "server"),
      "--user-data-dir", join(home, "data"),
      "--extensions-dir", join(home, "extensions"),
    ];
    const settings = JSON.stringify({
      "stile.interpreter": process.env.STILE_PYTHON ?? join(root, ".venv", "bin", "python"),
      "files.autoSave": "off",
      "workbench.startupEditor": "none",
      "workbench.tips.enabled": false,
      "editor.minimap.enabled": false,
      "window.commandCenter": false,
      "chat.commandCenter.enabled": false,
      "editor.fontSize": 14,
      "editor.unicodeHighlight.ambiguousCharacters": false,
    });
    // Machine settings are there when the extension starts; user settings sometimes come late.
    for (const folder of ["Machine", "User"]) {
      mkdirSync(join(home, "data", folder), { recursive: true });
      writeFileSync(join(home, "data", folder, "settings.json"), settings);
    }
    const vsix = join(root, "editors", "vscode", "stile.vsix");
    const installed = spawnSync(process.execPath, [server, ...options, "--install-extension", vsix], { encoding: "utf8" });
    assert.equal(installed.status, 0, installed.stdout + installed.stderr);
    const port = await freePort();
    mkdirSync(artifacts, { recursive: true });
    const log = createWriteStream(join(artifacts, `server-${trust ? "trust" : "plain"}.log`));
    const child = spawn(
      process.execPath,
      [
        server, ...options,
        "--host", "127.0.0.1", "--port", String(port), "--without-connection-token",
        "--disable-getting-started-override", "--telemetry-level", "off",
        ...(trust ? [] : ["--disable-workspace-trust"]),
      ],
      { detached: true, env: { ...process.env, EXTENSIONS_GALLERY: "{}" }, stdio: ["ignore", "pipe", "pipe"] },
    );
    child.stdout.pipe(log);
    child.stderr.pipe(log);
    await eventually("the server of VS Code", async () => (await fetch(`http://127.0.0.1:${port}/version`)).ok);
    const browser = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
    });
    return new Workbench(home, port, child, browser);
  }

  constructor(home, port, child, browser) {
    Object.assign(this, { home, port, child, browser, folders: 0 });
  }

  /** Opens `file` of a fresh copy of `source`, in a browser profile of its own. */
  async open(source, file, { width = 1280, height = 900 } = {}) {
    this.folders += 1;
    const folder = join(this.home, `workspace-${this.folders}`);
    cpSync(source, folder, { recursive: true });
    const context = await this.browser.newContext({ viewport: { width, height }, permissions: ["clipboard-read", "clipboard-write"] });
    const page = await context.newPage();
    const payload = encodeURIComponent(JSON.stringify([["openFile", `vscode-remote://127.0.0.1:${this.port}${folder}/${file}`]]));
    await page.goto(`http://127.0.0.1:${this.port}/?folder=${folder}&payload=${payload}`);
    return new Editor(page, folder);
  }

  /** Process ids of the language servers that run in this workbench. */
  servers() {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .filter((pid) => {
        try {
          const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
          return words.some((word) => word.startsWith(this.home) && word.endsWith("start_server.py"));
        } catch {
          return false; // ended in between
        }
      })
      .map(Number);
  }

  async stop() {
    await this.browser.close();
    const ended = new Promise((resolve) => this.child.once("exit", resolve));
    process.kill(this.child.pid, "SIGTERM");
    await ended;
    rmSync(this.home, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  }
}

/** One window with one Python file in it. All texts come from what is drawn. */
export class Editor {
  constructor(page, folder) {
    Object.assign(this, { page, folder });
    this.shots = 0;
  }

  async ready() {
    await this.page.locator(".monaco-editor .view-line").first().waitFor({ timeout: PATIENCE });
  }

  /** Texts of the verdict lenses and their actions, in the order of the lines. */
  lenses() {
    return this.page.locator(".codelens-decoration").evaluateAll((nodes) =>
      nodes
        .map((node) => ({ top: node.getBoundingClientRect().top, text: node.innerText.replaceAll("\u00a0", " ").trim() }))
        .filter((lens) => lens.text !== "")
        .sort((a, b) => a.top - b.top)
        .map((lens) => lens.text),
    );
  }

  /** The lines of the file as drawn, inlay hints included, from the top. */
  lines() {
    return this.page.locator(".monaco-editor .view-line").evaluateAll((nodes) =>
      nodes
        .map((node) => ({ top: node.getBoundingClientRect().top, text: node.textContent.replaceAll("\u00a0", " ") }))
        .sort((a, b) => a.top - b.top)
        .map((line) => line.text),
    );
  }

  /** The characters that stand above each error squiggle. */
  squiggles() {
    return this.page.evaluate(() =>
      [...document.querySelectorAll(".monaco-editor .squiggly-error")].map((squiggle) => {
        const box = squiggle.getBoundingClientRect();
        let text = "";
        for (const line of document.querySelectorAll(".monaco-editor .view-line")) {
          const row = line.getBoundingClientRect();
          const middle = (box.top + box.bottom) / 2;
          if (middle < row.top || middle > row.bottom) {
            continue;
          }
          const walker = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
          for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
            for (let i = 0; i < node.data.length; i += 1) {
              const range = document.createRange();
              range.setStart(node, i);
              range.setEnd(node, i + 1);
              const character = range.getBoundingClientRect();
              const centre = (character.left + character.right) / 2;
              if (centre > box.left && centre < box.right) {
                text += node.data[i];
              }
            }
          }
        }
        return text.replaceAll("\u00a0", " ");
      }),
    );
  }

  async status() {
    const item = this.page.locator('.statusbar-item[id*="stile.status"]');
    const icons = await item.locator(".codicon").evaluateAll((nodes) => nodes.map((node) => node.className.match(/codicon-([a-z-]+)/)[1]));
    return { text: (await item.innerText()).replaceAll("\u00a0", " ").trim(), icons, label: await item.locator("a").getAttribute("aria-label") };
  }

  /** Rests the mouse on the `occurrence`-th drawn place of `text` and gives what pops up. */
  async hover(text, occurrence = 0) {
    const box = await this.box(text, occurrence);
    // The hover of another place would stay for a while, and be taken for this one's.
    await this.page.keyboard.press("Escape");
    await this.page.mouse.move(2, 2);
    await this.page.locator(".monaco-hover:visible").waitFor({ state: "detached" });
    return eventually(`a hover on ${text}`, async () => {
      // Small steps: a single jump is not always seen as the mouse coming to rest.
      await this.page.mouse.move(box.x + box.width / 2 - 1, box.y + box.height / 2);
      await this.page.mouse.move(box.x + box.width / 2, box.y + box.height / 2, { steps: 2 });
      const hover = this.page.locator(".monaco-hover:visible .hover-row");
      await hover.first().waitFor({ timeout: 3000 });
      const parts = await hover.allInnerTexts();
      const all = parts.join("\n").replaceAll("\u00a0", " ");
      return all.includes("Loading") ? undefined : all;
    });
  }

  /** Where a text is drawn. */
  async box(text, occurrence = 0) {
    return eventually(`${text} on the screen`, () => this.page.evaluate(([wanted, skip]) => {
      const lines = [...document.querySelectorAll(".monaco-editor .view-line")].sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top);
      let left = skip;
      for (const line of lines) {
        const nodes = [];
        const walker = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
        for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
          nodes.push(node);
        }
        const whole = nodes.map((node) => node.data.replaceAll("\u00a0", " ")).join("");
        for (let at = whole.indexOf(wanted); at >= 0; at = whole.indexOf(wanted, at + 1)) {
          if (left > 0) {
            left -= 1;
            continue;
          }
          const locate = (offset) => {
            let rest = offset;
            for (const node of nodes) {
              if (rest <= node.data.length) {
                return [node, rest];
              }
              rest -= node.data.length;
            }
            throw new Error("unreachable");
          };
          const range = document.createRange();
          range.setStart(...locate(at));
          range.setEnd(...locate(at + wanted.length));
          const { x, y, width, height } = range.getBoundingClientRect();
          return { x, y, width, height };
        }
      }
      return undefined;
    }, [text, occurrence]));
  }

  /** Statuses that the gutter shows, by the names of its pictures. */
  gutter() {
    return this.page.locator(".monaco-editor .cgmr").evaluateAll((nodes) =>
      nodes.map((node) => getComputedStyle(node).backgroundImage.match(/gutter(?:\/|%2F)([a-z]+)\.svg/)?.[1]).filter((name) => name !== undefined),
    );
  }

  /** Puts the cursor into a drawn text. */
  async cursor(text, occurrence = 0) {
    const box = await this.box(text, occurrence);
    await this.page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
  }

  /** Selects the drawn `before` and types `after` over it, one key after another. */
  async replace(before, after, { occurrence = 0, delay = 0 } = {}) {
    const box = await this.box(before, occurrence);
    const middle = box.y + box.height / 2;
    await this.page.mouse.click(box.x + 1, middle);
    await this.page.keyboard.down("Shift");
    await this.page.mouse.click(box.x + box.width, middle);
    await this.page.keyboard.up("Shift");
    await this.page.keyboard.type(after, { delay });
  }

  /** Runs a command from the palette by its whole title. */
  async command(title) {
    await this.page.keyboard.press("F1");
    const input = this.page.locator(".quick-input-widget input");
    await input.fill(`>${title}`);
    await this.page.locator(`.quick-input-list .monaco-list-row[aria-label^="${title}"]`).first().click({ timeout: PATIENCE });
  }

  /** A screenshot among the artefacts. */
  async shot(name) {
    await this.page.screenshot({ path: join(artifacts, `${name}.png`), animations: "disabled" });
  }

  /**
   * Records every lens text that is drawn, with its time, and takes a screenshot every 100 ms.
   * `stop` gives the record.
   */
  async record(name) {
    const folder = join(artifacts, name);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    await this.page.evaluate(() => {
      const seen = [];
      const look = () => {
        const texts = [...document.querySelectorAll(".codelens-decoration")]
          .map((node) => ({ top: node.getBoundingClientRect().top, text: node.innerText.replaceAll("\u00a0", " ").trim() }))
          .sort((a, b) => a.top - b.top)
          .map((lens) => lens.text);
        const gutter = [...document.querySelectorAll(".monaco-editor .cgmr")].map((node) => getComputedStyle(node).backgroundImage.match(/gutter(?:\/|%2F)([a-z]+)\.svg/)?.[1]).filter(Boolean);
        const lines = [...document.querySelectorAll(".monaco-editor .view-line")].map((node) => node.textContent.replaceAll("\u00a0", " "));
        const bar = document.querySelector('.statusbar-item[id*="stile.status"] a')?.getAttribute("aria-label") ?? "";
        const entry = JSON.stringify({ texts, gutter, bar, lines });
        if (seen.at(-1)?.entry !== entry) {
          seen.push({ at: performance.timeOrigin + performance.now(), entry });
        }
      };
      const observer = new MutationObserver(look);
      observer.observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
      look();
      window.stileRecord = () => {
        observer.disconnect();
        look();
        return seen.map(({ at, entry }) => ({ at, ...JSON.parse(entry) }));
      };
    });
    let going = true;
    const times = [];
    const loop = (async () => {
      for (let next = Date.now(); going; next += 100) {
        const at = Date.now();
        times.push(at);
        await this.page.screenshot({ path: join(folder, `${String(times.length).padStart(3, "0")}.png`) });
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, next + 100 - Date.now())));
      }
    })();
    return {
      stop: async () => {
        going = false;
        await loop;
        const record = await this.page.evaluate(() => window.stileRecord());
        writeFileSync(join(folder, "record.json"), JSON.stringify({ screenshots: times, record }, undefined, 1));
        return record;
      },
    };
  }

  async close() {
    await this.page.context().close();
  }
}
