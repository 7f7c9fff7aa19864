package dev.tinyvm.tests;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

/** Runs where real walls can be made; elsewhere SKIPPED with the reason. */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(NeedsWalls.Condition.class)
@interface NeedsWalls {
    /** The check. */
    final class Condition implements ExecutionCondition {
        @Override
        public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
            String missing = Product.missing();
            return missing.isEmpty()
                    ? ConditionEvaluationResult.enabled("walls can be made")
                    : ConditionEvaluationResult.disabled(missing);
        }
    }
}
