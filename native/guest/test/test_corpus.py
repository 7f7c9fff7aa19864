"""The corpus is complete and what its script writes."""
import os, unittest
import corpus
from protocol import TYPES


class Corpus(unittest.TestCase):
    def test_there_is_one_file_for_each_message(self):
        self.assertEqual(set(corpus.FRAMES), set(TYPES))

    def test_the_files_are_up_to_date(self):
        written = corpus.files()
        self.assertEqual(sorted(os.listdir(corpus.DIRECTORY)), sorted(written))
        for name, content in written.items():
            with open(os.path.join(corpus.DIRECTORY, name), "rb") as file:
                self.assertEqual(file.read(), content, name)


if __name__ == "__main__":
    unittest.main()
