#!/usr/bin/python3
"""Each option, command and word that a program knows stands in its manual page, and
the other way round; each program has a page; mandoc finds nothing to say."""
import glob
import os
import re
import shutil
import subprocess
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("BUILD_DIR", os.path.join(TOP, "build"))
BIN = os.path.join(BUILD, "bin")
PAGES = {os.path.basename(p): p for p in sorted(glob.glob(TOP + "/*/*.[1578]"))}
done = failed = 0


def ok(is_right, what, *notes):
    global done, failed
    done += 1
    failed += not is_right
    print("%sok %d - %s" % ("" if is_right else "not ", done, what))
    for n in notes if not is_right else ():
        print("# " + n)


def same(got, expected, what):
    ok(got == expected, what, "only in the program: " + " ".join(sorted(got - expected)),
       "only in the page: " + " ".join(sorted(expected - got)))


def page(name):
    return open(PAGES[name], encoding="utf-8").read()


def said(*command):
    with tempfile.TemporaryDirectory() as empty:
        env = {"PATH": "/usr/bin:/bin", "PIPEPOST_SPOOL": empty + "/none", "PIPEPOST_LOG": "stderr",
               "ASAN_OPTIONS": "detect_leaks=0"}
        r = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           env=env, timeout=30, check=False)
    return r.stdout.decode(errors="replace")


def options_of_usage(text):
    """-x, [-abc], -d|-e: the letters."""
    return {"-" + c for group in re.findall(r"(?<![\w-])-([A-Za-z]+)\b", text) for c in group}


def options_of_page(text):
    """.It Fl a Ar x , Fl b: the letters that have an entry of their own."""
    found = set()
    for line in re.findall(r"^\.It (.*)$", text, re.M):
        found |= {"-" + c for c in re.findall(r"(?:^|\s)Fl ([A-Za-z])\b(?!\S)", line)}
    return found


def synopsis_of_page(text):
    found = set()
    for line in re.search(r"^\.Sh SYNOPSIS\n(.*?)^\.Sh ", text, re.M | re.S).group(1).splitlines():
        if not line.startswith(".Nm"):
            line = re.sub(r"\\&-", "", line)
        for group in re.findall(r"\bFl ((?:[A-Za-z]+(?: \| )?)+)", line):
            words = re.sub(r"\b(?:Ar|Ns|Op|Oo|Oc|Cm)\b.*", "", group)
            found |= {"-" + c for c in words if c.isalpha()}
    return found


# ---- each program has a page ----

programs = sorted(os.listdir(BIN))
OTHER_NAMES = {"hoststat": "sendmail.8", "purgestat": "sendmail.8"}
for p in programs:
    name = OTHER_NAMES.get(p, p + ".8")
    ok(name in PAGES and p in page(name), "%s has a page" % p)

# ---- options ----

WITHOUT = {"sendmail", "send-mail", "mailq", "hoststat", "purgestat", "smtpctl"}	# below
for p in programs:
    if p in WITHOUT or p + ".8" not in PAGES:
        continue
    usage = said(os.path.join(BIN, p), "-h")
    if "usage" not in usage:
        usage = said(os.path.join(BIN, p), "-?")
    text = page(p + ".8")
    entries = options_of_page(text)
    if not entries and not options_of_usage(usage):
        continue
    usage_options = options_of_usage(re.sub(r".*?usage:", "", usage, count=1, flags=re.S))
    same(usage_options, entries, "%s: what its usage names is what the page explains" % p)
    same(synopsis_of_page(text) | {"-h"} & usage_options, usage_options, "%s: ... and what the synopsis names" % p)
usage = said("/bin/sh", TOP + "/install/install-users", "-h")
same(options_of_usage(usage.split("usage:")[1].replace("install-users", "")), options_of_page(page("install-users.8")),
     "install-users: what its usage names is what the page explains")

# sendmail knows more letters than a usage line would hold: each is tried.
text = page("sendmail.8")
named = set()
for macro in re.findall(r"^\.(?:It |Op )?(Fl .*)$", text, re.M):
    named |= {c for group in re.findall(r"\bFl ([A-Za-z])", macro) for c in group}
    if re.match(r"Fl (?:[A-Za-z] , )+", macro):
        named |= set(re.findall(r"\b([A-Za-z])\b(?= ,| \.|$)", macro.split(" ", 1)[1]))
known = set()
for c in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ":
    if "no such option" not in said(os.path.join(BIN, "sendmail"), "-bv", "-" + c):
        known.add(c)
ok(len(known) > 20, "sendmail knows many options")
same(known, named, "sendmail: each letter it takes is in the page")

# ---- commands of smtpctl ----

if os.path.exists(os.path.join(BIN, "smtpctl")):
    text = page("smtpctl.8")
    plain = re.sub(r"\s+", " ", re.sub(r"^\.(?:It |Op )?(?:Ic|Cm|Fl)? ?", "", text, flags=re.M))
    for line in said(os.path.join(BIN, "smtpctl"), "-h").splitlines():
        m = re.match(r"\s+smtpctl ((?:[a-z]+ ?)+)", line)
        if m:
            words = m.group(1).strip()
            first, rest = words.split(" ")[0], words.split(" ")[1:]
            ok(first in plain and all(w in plain for w in rest), "smtpctl %s is in the page" % words)

# ---- the words of smtpd.conf ----

text = page("smtpd.conf.5")
source = "".join(open(f, encoding="utf-8").read() for f in sorted(glob.glob(TOP + "/lib/conf_*.c")))
words = set()
for table in ("conf_listen.c", "conf_main.c", "conf_limit.c", "conf_rule.c"):
    words |= set(re.findall(r'^\t+\{ "([a-z][a-z0-9-]+)", [a-z_]', open(TOP + "/lib/" + table, encoding="utf-8").read(), re.M))
ok(len(words) > 30, "the tables of the parser are found", " ".join(sorted(words)))
missing = {w for w in words if not re.search(r"(?<![\w-])%s(?![\w-])" % re.escape(w), text)}
ok(not missing, "every word of the configuration is in smtpd.conf(5)", "missing: " + " ".join(sorted(missing)))

# ---- form ----

if shutil.which("mandoc"):
    for name, path in PAGES.items():
        out = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", path], stdout=subprocess.PIPE, check=False).stdout
        ok(not out, "%s: mandoc has nothing to say" % name, *out.decode().splitlines())
else:
    done += 1
    print("ok %d # skip mandoc is not there" % done)
# Every page that another one names is there, or is of the system.
ours = {n.rsplit(".", 1)[0] for n in PAGES}
for name, path in PAGES.items():
    wrong = [" ".join(x) for x in re.findall(r"^\.Xr (\S+) (\d)", open(path, encoding="utf-8").read(), re.M)
             if x[0] in ours and "%s.%s" % x not in PAGES]
    ok(not wrong, "%s: the pages it names are there" % name, *wrong)
print("1..%d" % done)
raise SystemExit(failed > 0)
