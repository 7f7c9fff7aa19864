#!/usr/bin/env python3
"""Runs the spawner's tests: python3 test/run.py [name...]. The last line is `N passed, M failed, K skipped`."""
import os
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)


class Result(unittest.TextTestResult):
    def startTest(self, test):
        super().startTest(test)
        self.begun = time.monotonic()

    def addSuccess(self, test):
        super().addSuccess(test)
        if time.monotonic() - self.begun > 5:
            print("%s took %.1f s" % (test.id(), time.monotonic() - self.begun))


def main(names):
    if os.geteuid() != 0:
        print("SKIPPED: the spawner's tests need root")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    loader = unittest.TestLoader()
    if names:
        loader.testNamePatterns = ["*%s*" % name for name in names]
    suite = loader.discover(HERE, "test_*.py")
    result = unittest.TextTestRunner(stream=sys.stdout, resultclass=Result, verbosity=1).run(suite)
    failed = len(result.failures) + len(result.errors)
    for test, reason in result.skipped:
        print("skipped: %s: %s" % (test.id(), reason))
    print("%d passed, %d failed, %d skipped" % (max(0, result.testsRun - failed - len(result.skipped)), failed, len(result.skipped)))
    return 1 if failed or result.testsRun == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
