"""Runs all tests of the guest: the fuzzer for a bounded number of inputs, then every test_*.py. The last line counts.

run.py [NAME…] runs only the tests whose id contains one of the names.
"""
import os, subprocess, sys, unittest, warnings

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
FUZZ_INPUTS = os.environ.get("FUZZ_INPUTS", "20000")


class Result(unittest.TextTestResult):
    passed = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1


def chosen(suite, names):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from chosen(item, names)
        elif not names or any(name in item.id() for name in names):
            yield item


def main():
    names = sys.argv[1:]
    if os.geteuid() != 0:
        print("the guest's tests switch users and namespaces: run them as root")
        print("0 passed, 1 failed, 0 skipped")
        sys.exit(1)
    passed = failed = 0
    if not names:
        fuzz = subprocess.run([os.path.join(HERE, "..", "build", "fuzz"), os.path.join(HERE, "corpus"), FUZZ_INPUTS])
        passed, failed = (1, 0) if fuzz.returncode == 0 else (0, 1)
    warnings.simplefilter("ignore", ResourceWarning)  # sockets of guests that a test ended itself
    tests = unittest.TestSuite(chosen(unittest.defaultTestLoader.discover(HERE), names))
    result = unittest.TextTestRunner(stream=sys.stdout, resultclass=Result, verbosity=1, warnings="ignore").run(tests)
    passed += result.passed
    failed += len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    print(f"{passed} passed, {failed} failed, {len(result.skipped)} skipped", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
