"""The best mix of formats under a budget: foretold for all, solved exactly, and chosen by what is measured."""
