package dev.tinyvm.server.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ReadBeforeTest {
    private final List<String> read = new ArrayList<>();
    private final ReadBefore<Integer> texts = new ReadBefore<>(text -> {
        read.add(text);
        return Integer.valueOf(text.strip());
    });

    @Test
    void theSameTextIsReadOnce() {
        assertThat(texts.get("1")).isEqualTo(1);
        assertThat(texts.get("1")).isEqualTo(1);
        assertThat(texts.get(" 1")).isEqualTo(1);
        assertThat(read).containsExactly("1", " 1");
    }

    @Test
    void theLongestUnusedGoesFirst() {
        IntStream.range(0, ReadBefore.MOST).forEach(i -> texts.get(Integer.toString(i)));
        assertThat(texts.get("0")).isZero();
        assertThat(texts.get(Integer.toString(ReadBefore.MOST))).isEqualTo(ReadBefore.MOST);
        read.clear();
        assertThat(texts.get("0")).isZero();
        assertThat(texts.get("1")).isEqualTo(1);
        assertThat(read).containsExactly("1");
    }

    @Test
    void aTextOverTheLimitIsNotKept() {
        String longest = " ".repeat(ReadBefore.LONGEST_CHARS - 1) + "7";
        assertThat(texts.get(longest)).isEqualTo(7);
        assertThat(texts.get(longest)).isEqualTo(7);
        assertThat(texts.get(" " + longest)).isEqualTo(7);
        assertThat(texts.get(" " + longest)).isEqualTo(7);
        assertThat(read).containsExactly(longest, " " + longest, " " + longest);
    }

    @Test
    void whatIsRefusedIsReadAgain() {
        assertThatThrownBy(() -> texts.get("x")).isInstanceOf(NumberFormatException.class);
        assertThatThrownBy(() -> texts.get("x")).isInstanceOf(NumberFormatException.class);
        assertThat(read).containsExactly("x", "x");
    }
}
