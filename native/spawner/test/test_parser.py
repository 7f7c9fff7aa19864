"""The request parser under ASan and UBSan: the corpus, cut at every byte, and mutations from a fixed seed."""
import os
import subprocess
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))


class Parser(unittest.TestCase):
    def test_no_input_breaks_it(self):
        program = os.path.join(HERE, "..", "build", "fuzz")
        iterations = os.environ.get("FUZZ_ITERATIONS", "300000")
        done = subprocess.run([program, os.path.join(HERE, "corpus"), iterations], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"fuzz: [1-9]\d* accepted, [1-9]\d* refused, [1-9]\d* malformed")

    def test_no_target_breaks_the_runtimes_configuration(self):
        program = os.path.join(HERE, "..", "build", "config-fuzz")
        done = subprocess.run([program], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"config_fuzz: [1-9]\d* written, [1-9]\d* refused")
