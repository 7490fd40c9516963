from kindling.testing import ProblemContract


class TestTimeseries(ProblemContract):
    task = "timeseries"
    by_time = True
    beats = ("mse",)
    trainer = {"max_epochs": 2, "limit_train_batches": 30}
