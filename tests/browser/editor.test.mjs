// The extension in a real VS Code, with the server that it bundles: what users see and do.
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually, root, Workbench } from "./workbench.mjs";

const workspace = join(dirname(fileURLToPath(import.meta.url)), "workspace");
const samples = join(root, "samples");

/**
 * From the first key to the moment at which a verdict that has become wrong must be gone. It takes
 * about 100 ms; a machine that does other things gets more. The editor alone would take as long as
 * the typing in these tests, two seconds, and a quarter of a second.
 */
const WITHDRAWAL_MILLISECONDS = 400;
const ATTEMPTS = 3;

class Late extends Error {}

/** What else the machine does makes an answer late, never early: one attempt in time is enough. Other failures count at once. */
async function inTime(context, attempt) {
  for (let number = 1; ; number++) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof Late) || number === ATTEMPTS) {
        throw error;
      }
      context.diagnostic(`attempt ${number}: ${error.message}`);
    }
  }
}

let bench;
before(async () => { bench = await Workbench.start(); });
after(async () => { await bench?.stop(); });

/** Opens a file and waits for the verdicts of all its kernels. */
async function opened(file, source = workspace, kernels = 3) {
  const editor = await bench.open(source, file);
  await editor.ready();
  await settled(editor, kernels);
  return editor;
}

async function settled(editor, kernels) {
  await eventually("the verdicts", async () => {
    const lenses = await editor.lenses();
    return lenses.length >= kernels && lenses.every((text) => /^[✓⚠✗?⊘⏱!]/.test(text)) && lenses;
  });
}

async function closing(editor, name, work) {
  try {
    await work();
  } finally {
    await editor.shot(name);
    await editor.close();
  }
}

function setting(editor, values) {
  mkdirSync(join(editor.folder, ".vscode"), { recursive: true });
  writeFileSync(join(editor.folder, ".vscode", "settings.json"), JSON.stringify(values));
}

test("verdicts, dims, squiggle, hover and status bar of a file", async () => {
  const editor = await opened("kernels.py");
  await closing(editor, "file", async () => {
    const [right, wrong, mismatch] = await editor.lenses();
    assert.match(right, /^✓ proved in \d+ ms/);
    assert.match(wrong, /^✗ refuted at .*M=\d+/);
    assert.match(mismatch, /^✗ refuted/);
    for (const lens of [right, wrong, mismatch]) {
      assert.match(lens, /Prove[\s|]+Normal form$/);
    }
    assert.deepEqual(await eventually("a squiggle", async () => {
      const found = await editor.squiggles();
      return found.includes("tile_a + tile_b") && found;
    }).then((found) => found.filter((text) => text.includes("tile_"))), ["tile_a + tile_b"]);
    const lines = await eventually("dims behind names", async () => {
      const drawn = await editor.lines();
      return drawn.some((line) => /tile_b: .* = /.test(line)) && drawn;
    });
    assert.ok(lines.some((line) => /tripled: M N = A \* 3/.test(line)), lines.join("\n"));
    assert.ok(lines.some((line) => /tile_a: M\[0:16\] K = /.test(line)), lines.join("\n"));
    assert.ok(lines.some((line) => /tile_b: M\[16:32\] K = /.test(line)), lines.join("\n"));
    const status = await editor.status();
    assert.match(status.label, /1 proved, 2 refuted/);
    assert.deepEqual(status.icons, ["check", "x"]);
    const value = await editor.hover("tripled @");
    assert.match(value, /M N/);
    const operation = await editor.hover("tile_a + tile_b");
    assert.match(operation, /M\[0:16\]/);
    assert.match(operation, /M\[16:32\]/);
  });
});

test("a fix that is typed changes squiggle, lens, dims and hover, and a wrong kernel never shows ✓", async () => {
  const editor = await opened("kernels.py");
  await closing(editor, "fixed", async () => {
    const recording = await editor.record("fix");
    await editor.replace("16, 32", "0, 16", { delay: 60 });
    await eventually("the verdict of the fixed kernel", async () => (await editor.lenses())[2]?.startsWith("✓"));
    await editor.replace("B * 2", "B * 1", { occurrence: 1, delay: 60 });
    await eventually("the verdict of the other fixed kernel", async () => (await editor.lenses())[1]?.startsWith("✓"));
    const record = await recording.stop();

    assert.deepEqual(await eventually("no squiggle", async () => (await editor.squiggles()).length === 0 && []), []);
    assert.ok((await editor.lines()).some((line) => /tile_b: M\[0:16\] K = /.test(line)));
    assert.match(await editor.hover("tile_a + tile_b"), /M\[0:16\] K/);
    await eventually("the counts", async () => /3 proved/.test((await editor.status()).label));

    const seen = (kernel) => record.map((entry) => entry.texts[kernel] ?? "");
    assert.ok(seen(1).some((text) => text.startsWith("✗")) && seen(1).at(-1).startsWith("✓"), "the record must cover the change");
    assert.ok(seen(2).some((text) => text.startsWith("✗")) && seen(2).at(-1).startsWith("✓"), "the record must cover the change");
    for (const { texts, lines } of record) {
      if (lines.some((line) => /tile_b.*= X\.slice\(M, 0, 16\)$/.test(line)) === false) {
        assert.ok(!texts[2]?.includes("✓"), `✓ over a wrong kernel: ${texts[2]}`);
      }
      if (lines.some((line) => /other.*= B \* 1$/.test(line)) === false) {
        assert.ok(!texts[1]?.includes("✓"), `✓ over a wrong kernel: ${texts[1]}`);
      }
    }
  });
});

test("an edit that breaks a proved kernel takes its ✓ away at once, lens, gutter and status bar alike", (context) => inTime(context, async () => {
  const editor = await opened("kernels.py");
  await closing(editor, "broken", async () => {
    const recording = await editor.record("break");
    // Keys without a pause: the editor alone would keep the old lens until they end.
    await editor.replace("A * 3", "A * 4 + A * 0 + A * 0", { delay: 80 });
    await eventually("the verdict of the broken kernel", async () => (await editor.lenses())[0]?.startsWith("✗"));
    const record = await recording.stop();
    const broken = record.filter(({ lines }) => !lines.some((line) => /tripled.*= A \* 3$/.test(line)));
    assert.ok(broken.length > 3, "the record must cover the edit");
    const deadline = broken[0].at + WITHDRAWAL_MILLISECONDS;
    for (const { at, texts, gutter, bar } of broken.filter((entry) => entry.at > deadline)) {
      if (texts[0]?.includes("✓") || gutter.includes("proved") || /\d proved/.test(bar)) {
        throw new Late(`${Math.round(at - broken[0].at)} ms after the key: lens ${texts[0]}, gutter ${gutter}, bar ${bar}`);
      }
    }
    assert.ok(record[0].texts[0].startsWith("✓"), "the kernel was proved before");
    const gone = broken.find(({ texts, gutter }) => !texts[0]?.includes("✓") && !gutter.includes("proved"));
    context.diagnostic(`the verdict was gone ${Math.round(gone.at - broken[0].at)} ms after the key`);
  });
}));

test("a proof against another spec is withdrawn as promptly", (context) => inTime(context, async () => {
  const editor = await opened("kernels.py");
  await closing(editor, "against", async () => {
    await editor.cursor("left @ other");
    await editor.command("Stile: Prove against spec…");
    await editor.page.locator(".quick-input-widget input").fill("4 * (A:M N, B:N K -> M K)");
    await editor.page.keyboard.press("Enter");
    await eventually("the verdict", async () => (await editor.lenses())[1]?.match(/against 4 \* .*: ✓ proved/));
    const recording = await editor.record("against");
    await editor.replace("B * 2", "B * 3 + B * 0 + B * 0", { occurrence: 1, delay: 80 });
    await eventually("the verdict of the edited kernel", async () => /^✗ refuted/.test((await editor.lenses())[1] ?? ""));
    const record = await recording.stop();
    const edited = record.filter(({ lines }) => !lines.some((line) => /other.*= B \* 2$/.test(line)));
    assert.ok(record[0].texts[1].includes("✓") && edited.length > 3, "the record must cover the edit");
    for (const { at, texts } of edited.filter((entry) => entry.at > edited[0].at + WITHDRAWAL_MILLISECONDS)) {
      if (texts[1]?.includes("✓")) {
        throw new Late(`${Math.round(at - edited[0].at)} ms after the key the lens says ${texts[1]}`);
      }
    }
  });
}));

test("a verdict that was withdrawn comes back with the text, and stays while other files are shown", async () => {
  const editor = await opened("kernels.py");
  await closing(editor, "returned", async () => {
    await editor.replace("A * 3", "A * 4");
    await eventually("the refutation", async () => (await editor.lenses())[0]?.startsWith("✗"));
    await editor.replace("A * 4", "A * 3");
    await eventually("the proof", async () => (await editor.lenses())[0]?.startsWith("✓"));
    await editor.page.locator('.explorer-folders-view .monaco-list-row:has-text("effect.py")').click();
    await eventually("the other file", async () => (await editor.lines()).some((line) => line.includes("def add")));
    await editor.page.locator('.explorer-folders-view .monaco-list-row:has-text("kernels.py")').click();
    await eventually("the proof again", async () => (await editor.lenses()).some((text) => /^✓ proved/.test(text)) && (await editor.lenses()).length === 3);
  });
});

test("the commands of the palette", async () => {
  const editor = await opened("kernels.py");
  await closing(editor, "commands", async () => {
    const { page } = editor;
    await editor.cursor("left @ other");
    await editor.command("Stile: Show normal form");
    const panel = page.frameLocator("iframe.webview").frameLocator("iframe#active-frame");
    await panel.locator("h1", { hasText: "wrong" }).waitFor();
    const kernelSide = (await panel.locator(".kernel pre").innerText()).trim();
    const specSide = (await panel.locator(".spec pre").innerText()).trim();
    assert.ok(kernelSide !== "" && specSide !== "" && kernelSide !== specSide, `${kernelSide} | ${specSide}`);
    assert.ok(await panel.locator(".kernel mark").count() > 0, "the difference is marked");
    await panel.getByText("kernel is 2 × spec").first().waitFor();
    await editor.shot("normal-form");

    await editor.cursor("left @ other");
    await editor.command("Stile: Prove against spec…");
    const input = page.locator(".quick-input-widget input");
    await input.fill("4 * (A:M N, B:N K -> M K)");
    await page.keyboard.press("Enter");
    await eventually("the verdict against the other spec", async () => (await editor.lenses())[1]?.match(/against 4 \* .*: ✓ proved/));
    assert.match((await editor.lenses())[1], /^✗ refuted/, "the verdict against its own spec stays");
    await editor.shot("prove-against");

    await editor.command("Stile: Prove kernel at cursor");
    await eventually("the verdict", async () => (await editor.lenses())[1]?.startsWith("✗"));

    await editor.command("Stile: Show logs");
    await page.locator('.part.panel .composite.title, .part.panel [aria-label*="Output"]').first().waitFor();

    await editor.command("Stile: Copy debug information");
    await page.locator(".notification-toast", { hasText: "clipboard" }).waitFor();
    const information = await page.evaluate(() => navigator.clipboard.readText());
    assert.match(information, /Interpreter: Python 3\.\d+/);
    assert.match(information, /numpy/);
    assert.doesNotMatch(information, /TypedResult/, "no code of the user");

    await editor.command("Stile: Restart verifier");
    await eventually("no verdict of the old server", async () => !/\d proved/.test((await editor.status()).label));
    await eventually("the verdicts of the new one", async () => /1 proved, 2 refuted/.test((await editor.status()).label));
  });
});

test("a click on a lens acts on its own kernel", async () => {
  const editor = await opened("kernels.py");
  await closing(editor, "lens-click", async () => {
    await editor.page.locator(".codelens-decoration a", { hasText: "✗ refuted at" }).first().click();
    await editor.page.frameLocator("iframe.webview").frameLocator("iframe#active-frame").locator("h1", { hasText: "wrong" }).waitFor();
  });
});

test("settings take effect at once", async () => {
  const editor = await opened("kernels.py");
  await closing(editor, "settings", async () => {
    await eventually("gutter marks", async () => (await editor.gutter()).length === 3);
    setting(editor, { "stile.codeLens": false, "stile.gutter": false, "stile.inlayHints.normalForm": true });
    await eventually("no lenses", async () => (await editor.lenses()).length === 0);
    await eventually("no gutter marks", async () => (await editor.gutter()).length === 0);
    await eventually("a normal form at the end of a line", async () => (await editor.lines()).some((line) => /= A \* 3.*3 ?\*? ?A/.test(line)));
  });
});

test("an interpreter that does not exist is named, and a better setting helps without a reload", async () => {
  const editor = await opened("kernels.py");
  await closing(editor, "interpreter", async () => {
    setting(editor, { "stile.interpreter": "/nowhere/python" });
    const toast = editor.page.locator(".notification-toast", { hasText: "/nowhere/python" });
    await toast.waitFor();
    assert.ok(await toast.getByText("Select interpreter").count() > 0);
    assert.match((await editor.status()).label, /not running/);
    setting(editor, {});
    await eventually("the verdicts", async () => /1 proved, 2 refuted/.test((await editor.status()).label));
  });
});

test("a server that is killed takes its verdicts with it, and is started again", async () => {
  const editor = await opened("kernels.py");
  await closing(editor, "killed", async () => {
    const [first] = bench.servers();
    assert.ok(first !== undefined, "the server must be found");
    const recording = await editor.record("kill");
    process.kill(first, "SIGKILL");
    await eventually("another server", () => bench.servers().some((pid) => pid !== first));
    await eventually("the verdicts", async () => /1 proved, 2 refuted/.test((await editor.status()).label));
    const record = await recording.stop();
    assert.ok(record.some(({ bar }) => !/\d proved/.test(bar)), "the old verdicts must not outlive their server");
  });
});

test("the sample that the README shows", async () => {
  const editor = await opened("matmul.py", samples, 2);
  await closing(editor, "sample", async () => {
    const lenses = await editor.lenses();
    assert.ok(lenses.some((text) => /^✓ proved/.test(text)), lenses.join("\n"));
    assert.ok(lenses.some((text) => /^✗ refuted/.test(text)), lenses.join("\n"));
  });
});

test("a folder that is not trusted: syntax and specs only, nothing is run until it is trusted", async () => {
  const guarded = await Workbench.start({ trust: true });
  try {
    const editor = await guarded.open(workspace, "effect.py");
    await closing(editor, "trusted", async () => {
      const { page } = editor;
      await page.locator(".monaco-dialog-box .monaco-button", { hasText: "don't trust" }).click({ timeout: 60_000 });
      await editor.ready();
      const squiggles = await eventually("the error in the spec", async () => {
        const found = await editor.squiggles();
        return found.length > 0 && found;
      });
      assert.equal(squiggles.length, 1);
      const status = await eventually("the shield", async () => {
        const shown = await editor.status();
        return shown.icons.includes("shield") && shown;
      });
      assert.doesNotMatch(status.label, /\d proved/);
      await editor.shot("not-trusted");
      assert.ok(!(await editor.lenses()).some((text) => text.includes("✓")));
      assert.doesNotMatch((await editor.lenses()).join("\n"), /refuted|N=/, "the file was run");

      await editor.command("Workspaces: Manage Workspace Trust");
      await page.locator(".workspace-trust-editor .monaco-button", { hasText: /^Trust/ }).first().click();
      await page.locator('.tab:has-text("effect.py")').click();
      await eventually("the proof", async () => (await editor.lenses()).some((text) => /^✓ proved/.test(text)));
      await eventually("the refutation", async () => (await editor.lenses()).some((text) => /^✗ refuted/.test(text)));
    });
  } finally {
    await guarded.stop();
  }
});
