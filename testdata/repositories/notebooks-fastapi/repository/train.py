import pandas
from sklearn.linear_model import LogisticRegression

model = LogisticRegression()
model.fit(pandas.read_csv("data/train.csv"), [0, 1])
